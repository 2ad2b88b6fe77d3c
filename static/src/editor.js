// The code editor of every page that edits text: CodeMirror 6 over a <textarea>, bundled to static/dist/editor.js.
// The textarea stays the form's field: what is typed is written back to it, so a page without this script still works.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, nextDiagnostic, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import {
  drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, hoverTooltip, keymap, lineNumbers,
} from "@codemirror/view";
import { colours, diagnostic, languages, look, nonce } from "./editor/common.js";
import { completeExpression, hoverExpression } from "./editor/expression-help.js";
import { complete, hover } from "./editor/flow-help.js";

export { typeAt } from "./editor/flow-help.js";

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
