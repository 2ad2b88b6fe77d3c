// The code editor of every page that edits text: CodeMirror 6 over a <textarea>, bundled to static/dist/editor.js.
// The textarea stays the form's field: what is typed is written back to it, so a page without this script still works.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { markdown } from "@codemirror/lang-markdown";
import { python } from "@codemirror/lang-python";
import { sql } from "@codemirror/lang-sql";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, nextDiagnostic, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import {
  drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, hoverTooltip, keymap, lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { completeExpression, hoverExpression } from "./editor/expression-help.js";
import { complete, hover } from "./editor/flow-help.js";

export { typeAt } from "./editor/flow-help.js";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.labelName], color: "var(--code-key)" },
  { tag: [tags.string, tags.special(tags.string), tags.content], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.typeName], color: "var(--code-word)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.heading, tags.strong], fontWeight: "600" },
]);

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "var(--text-s)", backgroundColor: "var(--surface)", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "var(--leading-code)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--ink-3)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--code-line)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 26%, transparent) !important" },
  ".cm-searchMatch": { backgroundColor: "var(--found)" },
  ".cm-matchingBracket": { backgroundColor: "var(--selected)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--hover)", border: "0", color: "var(--ink-2)" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "var(--r2)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--selected)", color: "var(--ink)" },
  ".cm-tooltip .help": { padding: "var(--s2) var(--s3)", maxWidth: "32rem", fontFamily: "var(--sans)", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--failed-fill)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warning-fill)" },
  ".cm-panel input, .cm-panel button": { fontFamily: "var(--sans)" },
});

const languages = {
  yaml: () => yaml(), yml: () => yaml(), sql: () => sql(), py: () => python(), md: () => markdown(), json: () => json(),
};

const nonce = () => document.querySelector('meta[name="csp-nonce"]')?.content ?? "";

// mount(textarea, {language, readOnly, help, onChange(text), onCursor({line, column, text}), onSave()}) -> handle
// `help` is the flow schema ({types: {...}, flow: {...}}) or a promise of it: turns on completion and hover for flows.
export function mount(textarea, options = {}) {
  const writable = new Compartment();
  let schema = null;
  Promise.resolve(options.help).then((found) => { schema = found ?? null; });
  const helped = options.help
    ? [
        autocompletion({ override: [(context) => (schema ? completeExpression(context, schema) ?? complete(context, schema) : null)], activateOnTyping: true }),
        hoverTooltip((view, position) => (schema ? hoverExpression(view, position, schema) ?? hover(view, position, schema) : null)),
      ]
    : [autocompletion()];
  const view = new EditorView({
    parent: options.parent ?? textarea.parentElement,
    state: EditorState.create({
      doc: textarea.value,
      extensions: [
        EditorView.cspNonce.of(nonce()),
        lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), foldGutter(), drawSelection(), dropCursor(),
        EditorState.allowMultipleSelections.of(true), indentOnInput(), indentUnit.of("  "), bracketMatching(), closeBrackets(), highlightActiveLine(),
        highlightSelectionMatches(), search({ top: true }), lintGutter(), look, syntaxHighlighting(colours), ...helped,
        keymap.of([
          { key: "Mod-s", preventDefault: true, run: () => (options.onSave?.(), true) },
          { key: "Mod-Enter", run: () => (options.onExecute?.(), Boolean(options.onExecute)) },
          { key: "Shift-Alt-f", run: () => (options.onFormat?.(), true) },
          { key: "F8", run: nextDiagnostic },
          ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, indentWithTab,
        ]),
        languages[options.language]?.() ?? [],
        writable.of([EditorState.readOnly.of(Boolean(options.readOnly)), EditorView.editable.of(!options.readOnly)]),
        EditorView.contentAttributes.of({ tabindex: "0", "aria-label": options.label ?? textarea.getAttribute("aria-label") ?? "Source" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            textarea.value = update.state.doc.toString();
            options.onChange?.(textarea.value);
          }
          if (update.docChanged || update.selectionSet) options.onCursor?.(cursor(update.state));
        }),
      ],
    }),
  });
  textarea.hidden = true;
  return {
    view,
    get text() { return view.state.doc.toString(); },
    replace(text) { view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }); },
    problems(list) { view.dispatch(setDiagnostics(view.state, list.map((problem) => diagnostic(view.state, problem)))); },
    goTo(line, column = 1) {
      const found = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
      view.dispatch({ selection: { anchor: Math.min(found.from + column - 1, found.to) }, scrollIntoView: true });
      view.focus();
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function cursor(state) {
  const position = state.selection.main.head;
  const line = state.doc.lineAt(position);
  return { line: line.number, column: position - line.from + 1, text: state.doc.toString() };
}

// A problem of the server ({message, line, column, severity}) as CodeMirror marks it: from the column to the end of the word.
function diagnostic(state, problem) {
  const line = state.doc.line(Math.min(Math.max(problem.line ?? 1, 1), state.doc.lines));
  const from = Math.min(line.from + Math.max((problem.column ?? 1) - 1, 0), line.to);
  const word = /^[^\s]+/.exec(line.text.slice(from - line.from));
  return { from, to: Math.min(from + (word ? word[0].length : 1), line.to) || from, severity: problem.severity ?? "error", message: problem.message };
}
