// Completion and hover inside `{{ }}` and `{% %}`, from what the server says that expressions know: [{kind, name, signature, help, examples}].
import { snippetCompletion } from "@codemirror/autocomplete";

const REACH = 2000;

// The text from the sign that opens the expression around a position to that position, or null outside of one.
function opened(document, position) {
  const before = document.sliceString(Math.max(0, position - REACH), position);
  const start = Math.max(before.lastIndexOf("{{"), before.lastIndexOf("{%"));
  if (start < 0) return null;
  const inside = before.slice(start);
  return inside.includes("}}") || inside.includes("%}") ? null : inside;
}

// The ids of inputs and tasks and the names of variables that the flow declares, found by indentation alone.
export function declared(text) {
  const found = { inputs: [], outputs: [], vars: [] };
  let section = "";
  for (const line of text.split("\n")) {
    const top = /^([\w-]+)\s*:/.exec(line);
    if (top) { section = top[1]; continue; }
    const id = /^\s+(?:-\s+)?id\s*:\s*["']?([\w.-]+)/.exec(line);
    if (id && section === "inputs") found.inputs.push(id[1]);
    else if (id && ["tasks", "errors", "finally"].includes(section)) found.outputs.push(id[1]);
    const variable = section === "variables" && /^ {1,4}([\w-]+)\s*:/.exec(line);
    if (variable) found.vars.push(variable[1]);
  }
  return found;
}

function card(entry) {
  const box = document.createElement("div");
  box.className = "help";
  const title = document.createElement("strong");
  title.textContent = entry.signature;
  const examples = entry.examples.map(([example, result]) => `\n${example} → ${result}`).join("");
  box.append(title, ` ${entry.kind}\n${entry.help.replaceAll("`", "")}${examples}`);
  return box;
}

const TYPES = { function: "function", filter: "method", test: "enum", tag: "keyword", variable: "variable", operator: "keyword" };

function option(entry) {
  const made = { label: entry.name, type: TYPES[entry.kind], detail: entry.signature === entry.name ? entry.kind : entry.signature, info: () => card(entry) };
  if (!entry.signature.includes("(")) return made;
  return entry.signature.endsWith("()") ? { ...made, apply: `${entry.name}()` } : snippetCompletion(`${entry.name}(\${})`, made);
}

// What may stand where the cursor is: a filter after `|`, a test after `is`, a tag after `{%`, else a function, a variable or a word of an operator.
export function completeExpression(context, schema) {
  const inside = opened(context.state.doc, context.pos);
  if (inside === null || !schema.expressions) return null;
  const member = /\b(inputs|outputs|vars)\.([\w-]*)$/.exec(inside);
  if (member) {
    const options = declared(context.state.doc.toString())[member[1]].map((name) => ({ label: name, type: "property" }));
    return { from: context.pos - member[2].length, options, validFor: /^[\w-]*$/ };
  }
  const word = /[A-Za-z]*$/.exec(inside)[0];
  const before = inside.slice(0, inside.length - word.length);
  if (/[.\w'"]$/.test(before) || (!word && !context.explicit && !/[|%{]\s*$/.test(before))) return null;
  const kinds = /\|\s*$/.test(before) ? ["filter"] : /\bis\s+(not\s+)?$/.test(before) ? ["test"] : /\{%-?\s*$/.test(before) ? ["tag"] : ["function", "variable", "operator"];
  const options = schema.expressions.filter((entry) => kinds.includes(entry.kind) && /^\w+$/.test(entry.name)).map(option);
  return { from: context.pos - word.length, options, validFor: /^\w*$/ };
}

export function hoverExpression(view, position, schema) {
  const line = view.state.doc.lineAt(position);
  const inside = opened(view.state.doc, position);
  if (inside === null || !schema.expressions) return null;
  for (const found of line.text.matchAll(/[A-Za-z]\w*/g)) {
    const from = line.from + found.index;
    const to = from + found[0].length;
    if (position < from || position > to) continue;
    const before = line.text.slice(0, found.index);
    const kind = /\|\s*$/.test(before) ? "filter" : /\bis\s+(not\s+)?$/.test(before) ? "test" : /\{%-?\s*$/.test(before) ? "tag" : line.text[to - line.from] === "(" ? "function" : "variable";
    if (kind === "variable" && /\.$/.test(before)) return null;
    const entry = schema.expressions.find((one) => one.kind === kind && one.name === found[0]);
    return entry ? { pos: from, end: to, above: true, create: () => ({ dom: card(entry) }) } : null;
  }
  return null;
}
