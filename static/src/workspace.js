// The editor of the workspace: one view in which texts take turns, each with its own history, so that undo reaches back across tabs and saves.
// What knows dbt is handed in (`help`): this file knows CodeMirror, nothing of projects.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, toggleComment } from "@codemirror/commands";
import { jinja } from "@codemirror/lang-jinja";
import { sql } from "@codemirror/lang-sql";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, nextDiagnostic, previousDiagnostic, setDiagnostics } from "@codemirror/lint";
import { gotoLine, highlightSelectionMatches, openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Prec, Text } from "@codemirror/state";
import {
  Decoration, drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, hoverTooltip, keymap, lineNumbers,
  rectangularSelection, ViewPlugin,
} from "@codemirror/view";
import { colours, diagnostic, languages, look, nonce } from "./editor/common.js";

export { gotoLine, nextDiagnostic, openSearchPanel, previousDiagnostic, startCompletion, Text, toggleComment };

const templated = jinja({ base: sql() });
const parts = { writable: new Compartment(), tab: new Compartment(), wrap: new Compartment(), keys: new Compartment() };

const finer = EditorView.theme({
  "&": { fontSize: "var(--code-size, var(--text-s))" },
  ".cm-link": { backgroundColor: "var(--code-jinja)", color: "var(--code-key)", borderRadius: "var(--r1)" },
  ".cm-tooltip .help code": { fontFamily: "var(--mono)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "16rem" },
  ".cm-completionDetail": { color: "var(--ink-3)", fontStyle: "normal", fontFamily: "var(--sans)", marginInlineStart: "1rem" },
  ".cm-lint-marker": { width: "0.625rem", height: "0.625rem", marginTop: "0.3125rem", borderRadius: "50%", content: "none !important" },
  ".cm-lint-marker-error": { backgroundColor: "var(--failed-fill)" },
  ".cm-lint-marker-warning": { backgroundColor: "var(--warning-fill)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--failed-fill)", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warning-fill)", textUnderlineOffset: "3px" },
  ".cm-collapsedLines": { background: "var(--canvas) !important", color: "var(--ink-3) !important", padding: "0.125rem var(--s3)", fontFamily: "var(--sans)" },
  ".cm-collapsedLines::before, .cm-collapsedLines::after": { content: "none !important" },
  ".cm-fat-cursor": { background: "color-mix(in srgb, var(--accent) 55%, transparent) !important", color: "var(--ink) !important", outline: "0 !important" },
  ".cm-vim-panel, .cm-vim-panel input": { fontFamily: "var(--mono)", color: "var(--ink)", backgroundColor: "var(--canvas)" },
  ".cm-panels": { border: "0", borderRadius: "0", borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "var(--s2) var(--s4)", fontFamily: "var(--sans)" },
  ".cm-panel.cm-search label": { fontSize: "var(--text-s)" },
  ".cm-textfield": { border: "1px solid var(--line-field)", borderRadius: "var(--r2)", backgroundColor: "var(--surface)", color: "var(--ink)", height: "1.75rem" },
  ".cm-button": { backgroundImage: "none", border: "1px solid var(--line-strong)", borderRadius: "var(--r2)", backgroundColor: "var(--surface)", color: "var(--ink)", height: "1.75rem" },
});

function language(path) {
  const end = path.split(".").pop().toLowerCase();
  if (end === "sql") return templated;
  if (end === "yaml") return languages.yaml();
  return languages[end]?.() ?? [];
}

// Names that lead somewhere, as `help.links(text)` finds them, are coloured where they are in view.
function linking(links) {
  const mark = Decoration.mark({ class: "cm-link" });
  const find = (view) => {
    const found = [];
    for (const { from, to } of view.visibleRanges) {
      for (const link of links(view.state.sliceDoc(from, to))) found.push(mark.range(from + link.from, from + link.to));
    }
    return Decoration.set(found, true);
  };
  return ViewPlugin.fromClass(class {
    constructor(view) { this.decorations = find(view); }
    update(update) { if (update.docChanged || update.viewportChanged) this.decorations = find(update.view); }
  }, { decorations: (plugin) => plugin.decorations });
}

const commandKeys = (commands) => Object.entries(commands).map(([key, run]) => ({ key, preventDefault: true, run: (view) => run(view) !== false }));

// The keys of Vim are a part of their own, which is only fetched by who wants them.
export async function vimKeys(onSave) {
  const { vim, Vim } = await import("@replit/codemirror-vim");
  Vim.defineEx("write", "w", onSave);
  return Prec.highest(vim());
}

const tabbing = (width) => [EditorState.tabSize.of(width), indentUnit.of(" ".repeat(width))];

// make(text, {path, readOnly, label, tab, wrap, keys, commands, help, onUpdate}) -> the state of one text.
export function make(text, options) {
  const { path, readOnly = false, help = null, commands = {}, onUpdate } = options;
  const helped = help
    ? [autocompletion({ override: help.sources(path), activateOnTyping: true, activateOnTypingDelay: 0, maxRenderedOptions: 40, icons: true }), hoverTooltip(help.hover(path), { hoverTime: 250 }), linking(help.links)]
    : [autocompletion()];
  return EditorState.create({
    doc: text,
    extensions: [
      EditorView.cspNonce.of(nonce()),
      parts.keys.of(options.keys ?? []),
      Prec.high(keymap.of(commandKeys(commands))),
      lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), foldGutter(), drawSelection(), dropCursor(), rectangularSelection(),
      EditorState.allowMultipleSelections.of(true), indentOnInput(), bracketMatching(), closeBrackets(), highlightActiveLine(),
      highlightSelectionMatches(), search({ top: true }), lintGutter(), look, finer, syntaxHighlighting(colours), ...helped,
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, indentWithTab]),
      language(path),
      parts.tab.of(tabbing(options.tab ?? 4)),
      parts.wrap.of(options.wrap ? EditorView.lineWrapping : []),
      parts.writable.of([EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly)]),
      EditorView.contentAttributes.of({ tabindex: "0", "aria-label": options.label ?? path, spellcheck: "false", autocorrect: "off", autocapitalize: "off" }),
      EditorView.updateListener.of((update) => onUpdate?.(update)),
    ],
  });
}

// What changes a state's settings, as effects for a transaction.
export function adjusted({ tab, wrap, keys }) {
  return [
    ...(tab === undefined ? [] : [parts.tab.reconfigure(tabbing(tab))]),
    ...(wrap === undefined ? [] : [parts.wrap.reconfigure(wrap ? EditorView.lineWrapping : [])]),
    ...(keys === undefined ? [] : [parts.keys.reconfigure(keys)]),
  ];
}

export function open(parent, state) {
  return new EditorView({ parent, state });
}

// The change that makes `text` of a document: what stays the same at both ends is left alone, so that cursor and marks stay where they are.
export function changeTo(document, text) {
  const old = document.toString();
  const most = Math.min(old.length, text.length);
  let from = 0;
  while (from < most && old[from] === text[from]) from += 1;
  let end = 0;
  while (end < most - from && old[old.length - 1 - end] === text[text.length - 1 - end]) end += 1;
  return { from, to: old.length - end, insert: text.slice(from, text.length - end) };
}

export function markProblems(state, problems) {
  return setDiagnostics(state, problems.map((problem) => diagnostic(state, problem)));
}

// Two texts side by side, the right one to be edited where `onChange` is given; the part that compares is fetched when it is needed.
export async function compare(parent, { path, left, right, onChange = null }) {
  const { MergeView } = await import("@codemirror/merge");
  const shared = (label, writable) => [
    EditorView.cspNonce.of(nonce()), lineNumbers(), drawSelection(), highlightSpecialChars(), look, finer, syntaxHighlighting(colours), language(path), history(),
    keymap.of([...defaultKeymap, ...historyKeymap]), EditorState.readOnly.of(!writable), EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
  ];
  return new MergeView({
    parent, gutter: true, highlightChanges: true, collapseUnchanged: { margin: 3, minSize: 6 },
    a: { doc: left.text, extensions: shared(left.label, false) },
    b: { doc: right.text, extensions: [...shared(right.label, Boolean(onChange)), EditorView.updateListener.of((update) => update.docChanged && onChange?.(update.state.doc.toString()))] },
  });
}
