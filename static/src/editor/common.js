// What both editors share: how code looks, which languages there are, and how a problem of the server is marked.
import { json } from "@codemirror/lang-json";
import { markdown } from "@codemirror/lang-markdown";
import { python } from "@codemirror/lang-python";
import { sql } from "@codemirror/lang-sql";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.labelName], color: "var(--code-key)" },
  { tag: [tags.string, tags.special(tags.string), tags.content], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.typeName], color: "var(--code-word)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.heading, tags.strong], fontWeight: "600" },
]);

export const look = EditorView.theme({
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
  ".cm-completionIcon": { boxSizing: "content-box" }, // its width leaves out the space behind it
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--selected)", color: "var(--ink)" },
  ".cm-tooltip .help": { padding: "var(--s2) var(--s3)", maxWidth: "32rem", fontFamily: "var(--sans)", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--failed-fill)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warning-fill)" },
  ".cm-panel input, .cm-panel button": { fontFamily: "var(--sans)" },
});

export const languages = {
  yaml: () => yaml(), yml: () => yaml(), sql: () => sql(), py: () => python(), md: () => markdown(), json: () => json(),
};

export const nonce = () => document.querySelector('meta[name="csp-nonce"]')?.content ?? "";

// A problem of the server ({message, line, column, severity}) as CodeMirror marks it: from the column to the end of the word.
export function diagnostic(state, problem) {
  const line = state.doc.line(Math.min(Math.max(problem.line ?? 1, 1), state.doc.lines));
  const from = Math.min(line.from + Math.max((problem.column ?? 1) - 1, 0), line.to);
  const word = /^[^\s]+/.exec(line.text.slice(from - line.from));
  return { from, to: Math.min(from + (word ? word[0].length : 1), line.to) || from, severity: problem.severity ?? "error", message: problem.message };
}
