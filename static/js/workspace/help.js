// Completion, hover, definitions, uses and outline of dbt files, all from the knowledge that is already here.
import { on } from "../dom.js";
import { command } from "./commands.js";
import { showFound } from "./find.js";
import { fitting, Projects } from "./knowledge.js";
import { ask } from "./server.js";
import { partAt } from "./sql.js";

const REACH = 3000;
const WORDS = "select from where group by order by having limit join left join inner join full join cross join on using union all case when then else end and or not in is null between like exists distinct as with over partition by qualify cast coalesce count sum avg min max row_number rank lag lead date_trunc extract current_date current_timestamp nullif round lower upper trim replace true false asc desc".split(" ");
const SQL = [...new Set(WORDS)].filter((word) => word !== "by").map((word) => (word === "group" || word === "order" || word === "partition" ? `${word} by` : word)).map((name) => ({ name, key: name, detail: "" }));
const FUNCTIONS = [
  ["ref", "ref('model')", "A model, seed or snapshot of the project."], ["source", "source('source', 'table')", "A table that is declared as a source."],
  ["config", "config(key=value)", "How this node is built."], ["var", "var('name', default)", "A variable of the project."], ["doc", "doc('name')", "A docs block."],
  ["env_var", "env_var('NAME', default)", "A variable of the environment."], ["this", "this", "The relation of this node."], ["target", "target", "Where dbt runs: name, schema, type, …"],
  ["is_incremental", "is_incremental()", "Whether only new rows are built."], ["log", "log(message, info=true)", "Write a line to the log."], ["return", "return(value)", "What a macro gives."],
  ["run_query", "run_query(sql)", "Run SQL and read its rows."], ["adapter", "adapter", "What the database adapter can do."], ["exceptions", "exceptions", "Errors: raise_compiler_error(…)."],
  ["model", "model", "This node, as the manifest knows it."], ["execute", "execute", "Whether dbt runs, rather than parses."], ["loop", "loop", "Where a for loop stands."], ["dbt", "dbt", "Macros that every adapter has."],
].map(([name, signature, description]) => ({ name, key: name, detail: signature, about: { name, signature, description, kind: "function" } }));
const TAGS = "if elif else endif for endfor set endset macro endmacro call endcall filter endfilter do raw endraw docs enddocs test endtest snapshot endsnapshot materialization endmaterialization".split(" ").map((name) => ({ name, key: name, detail: "tag" }));
const VALUES = { materialized: ["view", "table", "incremental", "ephemeral", "materialized_view"], incremental_strategy: ["append", "merge", "delete+insert", "insert_overwrite", "microbatch"], on_schema_change: ["ignore", "fail", "append_new_columns", "sync_all_columns"], strategy: ["timestamp", "check"], severity: ["error", "warn"], access: ["private", "protected", "public"] };
const CALL = /\b(ref|source|var|doc)\s*\(\s*(?:(['"])([^'"]*)\2\s*,\s*)?(['"])([^'"]*)\4/g;

let workspace, projects;

// --- words on a card ---

export function card(title, kind, text, rows = []) {
  const box = document.createElement("div");
  box.className = "help";
  const head = document.createElement("strong");
  head.textContent = title;
  const small = document.createElement("span");
  small.className = "muted";
  small.textContent = ` ${kind}`;
  box.append(head, small);
  if (text) {
    const told = document.createElement("p");
    told.textContent = text;
    box.append(told);
  }
  if (rows.length) {
    const table = document.createElement("table");
    for (const row of rows.slice(0, 24)) {
      const line = table.insertRow();
      for (const cell of row) line.insertCell().textContent = cell;
    }
    box.append(table);
    if (rows.length > 24) box.append(`and ${rows.length - 24} more`);
  }
  return box;
}

const aboutNode = (node) => card(node.kind === "source" ? `${node.source}.${node.name}` : node.name, `${node.kind} of ${node.package}`, node.description, node.columns.map((column) => [column.name, column.type, column.description]));
const aboutMacro = (macro) => card(`${macro.name}(${(macro.args ?? []).map((one) => one.name ?? one).join(", ")})`, `macro of ${macro.package}`, macro.description);
const aboutColumn = (column) => card(column.name, [column.type, column.node && `of ${column.node}`].filter(Boolean).join(" "), column.description);
const ABOUT = { class: aboutNode, function: (one) => (one.signature ? card(one.signature, "", one.description) : aboutMacro(one)), variable: (one) => card(one.name, "variable", String(one.value ?? "")), text: (one) => card(one.name, "docs block", one.text || one.path), keyword: (one) => card(one.key, "config", one.description), property: aboutColumn };

function options(entries, type, apply = null) {
  return entries.map((entry) => ({ label: entry.name, type, detail: entry.detail, info: entry.about && ABOUT[type] ? () => ABOUT[type](entry.about) : undefined, apply: apply ? apply(entry) : undefined }));
}

const list = (from, found) => (found.length ? { from, options: found, filter: false } : null);

// Insert a text, and put the cursor where | stands in it.
const inserting = (text) => (view, completion, from, to) => {
  const at = text.indexOf("|");
  view.dispatch({ changes: { from, to, insert: text.replace("|", "") }, selection: { anchor: from + (at < 0 ? text.length : at) }, userEvent: "input.complete" });
};

// A name inside of quotes: what follows it up to the closing quote is replaced too.
const quoted = (name) => (view, completion, from, to) => {
  const rest = /^[\w.]*/.exec(view.state.sliceDoc(to, to + 100))[0].length;
  view.dispatch({ changes: { from, to: to + rest, insert: name }, selection: { anchor: from + name.length }, userEvent: "input.complete" });
};

// --- completion ---

function complete(path, context) {
  const known = projects.now(path);
  if (!known) return null;
  const before = context.state.sliceDoc(Math.max(0, context.pos - REACH), context.pos);
  return inCall(known, before, context) ?? (/\.ya?ml$/.test(path) ? inYaml(known, context) : inJinja(known, before, context) ?? (path.endsWith(".sql") ? inSql(known, path, before, context) : null));
}

function inCall(known, before, context) {
  const call = /\b(ref|source|var|doc)\s*\(\s*(?:(['"])([^'"\n]*)\2\s*,\s*)?(['"])([^'"\n]*)$/.exec(before);
  if (call) {
    const [, name, , first, , typed] = call;
    const from = context.pos - typed.length;
    const inQuotes = (entry) => quoted(entry.name);
    if (name === "ref") return list(from, options(fitting(first ? known.refs.filter((entry) => entry.about.package === first) : known.refs, typed), "class", inQuotes));
    if (name === "source" && first === undefined) return list(from, options(fitting(known.groupNames, typed), "namespace", inQuotes));
    if (name === "source") return list(from, options(fitting((known.groups.get(first) ?? []).map((node) => ({ name: node.name, key: node.name.toLowerCase(), detail: node.source, about: node })), typed), "class", inQuotes));
    if (first !== undefined) return null;
    return list(from, name === "var" ? options(fitting(known.varNames, typed), "variable", inQuotes) : options(fitting(known.docNames, typed), "text", inQuotes));
  }
  const value = /\b(\w+)\s*=\s*(['"])([\w+]*)$/.exec(before);
  if (value && VALUES[value[1]]) return list(context.pos - value[3].length, options(fitting(VALUES[value[1]].map((one) => ({ name: one, key: one, detail: "" })), value[3]), "enum"));
  const config = /\bconfig\s*\(((?:[^()'"]|'[^']*'|"[^"]*"|\([^()]*\))*)$/.exec(before);
  const key = config && /(?:^|,)\s*(\w*)$/.exec(config[1]);
  if (key) return list(context.pos - key[1].length, options(fitting(known.configKeys, key[1]), "keyword", (entry) => inserting(VALUES[entry.name] ? `${entry.name}='|'` : `${entry.name}=`)));
  return null;
}

// The text of the Jinja expression or tag around the cursor, up to it; null outside of one.
function jinja(before) {
  const start = Math.max(before.lastIndexOf("{{"), before.lastIndexOf("{%"));
  if (start < 0) return null;
  const inside = before.slice(start);
  return inside.includes("}}") || inside.includes("%}") ? null : inside;
}

function inJinja(known, before, context) {
  const inside = jinja(before);
  if (inside === null) return null;
  const word = /[A-Za-z_][\w.]*$/.exec(inside)?.[0] ?? "";
  if (!word && !context.explicit && !/[{%]-?\s+$/.test(inside)) return null;
  if (/['"]/.test(inside[inside.length - word.length - 1] ?? "")) return null;
  const from = context.pos - word.length;
  if (/\{%-?\s*\w*$/.test(inside)) return list(from, options(fitting(TAGS, word), "keyword"));
  const found = [
    ...options(fitting(FUNCTIONS, word, 20), "function", (entry) => inserting({ ref: "ref('|')", source: "source('|')", var: "var('|')", doc: "doc('|')", env_var: "env_var('|')", config: "config(|)", is_incremental: "is_incremental()", log: "log(|)", return: "return(|)", run_query: "run_query(|)" }[entry.name] ?? entry.name)),
    ...options(fitting(known.macroNames, word, 60), "function", (entry) => inserting(`${entry.name}(|)`)),
  ];
  return list(from, found);
}

function inSql(known, path, before, context) {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  if (/--/.test(line) || (line.match(/'/g)?.length ?? 0) % 2) return null;
  const word = /(?:([A-Za-z_]\w*)\.)?([A-Za-z_]\w*)?$/.exec(before);
  const typed = word[2] ?? "";
  if (!typed && !word[1] && !context.explicit) return null;
  const from = context.pos - typed.length;
  const { doc } = context.state;
  const query = known.queries(doc);
  const part = partAt(query, context.pos);
  if (/\b(?:from|join)\s+[A-Za-z_]?\w*$/i.test(before)) {
    const ctes = query.ctes.filter((cte) => cte.at < context.pos).map((cte) => ({ name: cte.name, key: cte.name.toLowerCase(), detail: "CTE" }));
    return list(from, [...options(fitting(ctes, typed, 20), "type"), ...options(fitting(known.refs, typed, 60), "class", (entry) => inserting(`{{ ref('${entry.name}') }}|`))]);
  }
  const scope = known.scope(doc, part);
  if (word[1]) {
    const own = scope.find((relation) => relation.alias.toLowerCase() === word[1].toLowerCase());
    return own ? list(from, options(fitting(columnEntries(own.columns), typed), "property")) : null;
  }
  const columns = columnEntries(scope.flatMap((relation) => relation.columns));
  const names = scope.map((relation) => ({ name: relation.alias, key: relation.alias.toLowerCase(), detail: "relation" }));
  return list(from, [...options(fitting(columns, typed, 60), "property"), ...options(fitting(names, typed, 10), "type"), ...options(fitting(SQL, typed, 20), "keyword")]);
}

function columnEntries(columns) {
  const found = new Map();
  for (const column of columns) if (!found.has(column.name.toLowerCase())) found.set(column.name.toLowerCase(), { name: column.name, key: column.name.toLowerCase(), detail: [column.type, column.node].filter(Boolean).join(" · "), about: column });
  return [...found.values()];
}

// In the YAML of models: names of models, and of the columns of the model above.
function inYaml(known, context) {
  const line = context.state.doc.lineAt(context.pos);
  const text = line.text.slice(0, context.pos - line.from);
  const name = /^(\s*)-\s*(?:name:\s*)(['"]?)([\w.]*)$/.exec(text);
  if (!name) return null;
  const above = [];
  for (let number = line.number - 1, indent = name[1].length; number > 0; number -= 1) {
    const row = context.state.doc.line(number).text;
    const found = /^(\s*)(?:-\s*)?([\w]+):\s*['"]?([\w.]*)/.exec(row);
    if (!found || !row.trim()) continue;
    const depth = found[1].length;
    if (depth < indent || (depth === indent && !row.trim().startsWith("-"))) {
      above.push({ key: found[2], value: found[3] });
      indent = depth;
      if (depth === 0 && !row.trim().startsWith("-")) break;
    }
  }
  const from = context.pos - name[3].length;
  const section = above[0]?.key;
  if (section === "columns") {
    const model = above.slice(1).find((one) => one.key === "name")?.value;
    const node = known.nodes.get(model) ?? [...known.sources.values()].find((one) => one.name === model);
    return node ? list(from, options(fitting(columnEntries(node.columns), name[3]), "property")) : null;
  }
  if (["models", "seeds", "snapshots"].includes(section)) return list(from, options(fitting(known.refs.filter((entry) => `${entry.about.kind}s` === section), name[3]), "class"));
  return null;
}

// --- what is at a position ---

// {kind, name, from, to, node | macro | column | cte | doc}: what the name at a position stands for; null for what is not known.
export function thing(path, document, position) {
  const known = projects.now(path);
  if (!known) return null;
  const line = document.lineAt(position);
  const column = position - line.from;
  for (const call of line.text.matchAll(CALL)) {
    if (column < call.index || column > call.index + call[0].length) continue;
    const [whole, name, , first, , second] = call;
    const at = { from: line.from + call.index, to: line.from + call.index + whole.length };
    if (name === "ref") return { ...at, kind: "node", name: second, node: known.nodes.get(second) ?? null };
    if (name === "source") return { ...at, kind: "node", name: `${first}.${second}`, node: known.sources.get(`${first}.${second}`) ?? null };
    if (name === "var") return { ...at, kind: "var", name: second, value: known.vars.find((one) => one.name === second) };
    return { ...at, kind: "doc", name: second, doc: known.docs.find((one) => one.name === second) };
  }
  const word = [...line.text.matchAll(/[A-Za-z_][\w.]*/g)].find((one) => column >= one.index && column <= one.index + one[0].length);
  if (!word) return null;
  const at = { from: line.from + word.index, to: line.from + word.index + word[0].length, name: word[0] };
  if (jinja(document.sliceString(Math.max(0, position - REACH), position)) !== null) {
    const macro = known.macroOf.get(word[0]);
    return macro ? { ...at, kind: "macro", macro } : null;
  }
  if (!path.endsWith(".sql")) {
    const node = /name:\s*['"]?$/.test(line.text.slice(0, word.index)) ? known.nodes.get(word[0]) : null;
    return node ? { ...at, kind: "node", node } : null;
  }
  const query = known.queries(document);
  const cte = query.ctes.find((one) => one.name.toLowerCase() === word[0].split(".")[0].toLowerCase());
  if (cte && !word[0].includes(".")) return { ...at, kind: "cte", cte, columns: query.columnsOf({ kind: "name", name: cte.name }) };
  const scope = known.scope(document, partAt(query, position));
  const [alias, name] = word[0].includes(".") ? word[0].split(".") : ["", word[0]];
  for (const relation of scope) {
    if (alias && relation.alias.toLowerCase() !== alias.toLowerCase()) continue;
    const found = relation.columns.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (found) return { ...at, kind: "column", column: found, node: known.nodes.get(found.node) ?? known.node(relation) };
  }
  return null;
}

function told(found) {
  if (found.kind === "node") return found.node ? aboutNode(found.node) : null;
  if (found.kind === "macro") return aboutMacro(found.macro);
  if (found.kind === "column") return aboutColumn(found.column);
  if (found.kind === "cte") return card(found.name, "CTE", "", found.columns.map((column) => [column.name, column.type]));
  if (found.kind === "var") return card(found.name, "variable", found.value ? String(found.value.value) : "It is set nowhere in the project.");
  return found.doc ? card(found.name, "docs block", found.doc.text || found.doc.path) : null;
}

// --- going there ---

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

async function definition() {
  const document = workspace.active();
  const found = document?.isText ? thing(document.path, document.state.doc, document.state.selection.main.head) : null;
  if (!found) return workspace.hint("Nothing that is known stands under the cursor.");
  if (found.kind === "cte") return workspace.goTo(document, document.state.doc.lineAt(found.cte.at).number, found.cte.at - document.state.doc.lineAt(found.cte.at).from + 1);
  const where = found.node ?? found.macro ?? found.doc;
  if (!where?.path || !workspace.tree.known.has(where.path)) return workspace.hint(where ? `${found.name} belongs to another package.` : `${found.name} is not in the project.`);
  const target = await workspace.open(where.path, { line: where.line ?? 0 });
  if (where.line || !target.isText) return undefined;
  const looked = found.kind === "column" ? new RegExp(`\\b${escaped(found.column.name)}\\b`, "i") : found.kind === "doc" ? new RegExp(`docs\\s+${escaped(found.name)}\\b`) : where.kind === "source" ? new RegExp(`name:\\s*['"]?${escaped(where.name)}['"]?\\s*$`, "m") : null;
  const at = looked ? target.text.search(looked) : -1;
  if (at >= 0) workspace.goTo(target, target.state.doc.lineAt(at).number);
  return undefined;
}

// The pattern that finds what refers to something, for the server's search.
function usePattern(found) {
  if (found.kind === "macro") return `\\b${escaped(found.macro.name)}\\s*\\(`;
  if (found.kind === "node" && found.name.includes(".")) return `source\\s*\\(\\s*['"]${escaped(found.name.split(".")[0])}['"]\\s*,\\s*['"]${escaped(found.name.split(".")[1])}['"]`;
  if (found.kind === "node") return `ref\\s*\\(\\s*(['"][\\w]+['"]\\s*,\\s*)?['"]${escaped(found.name)}['"]`;
  if (found.kind === "var" || found.kind === "doc") return `\\b${found.kind}\\s*\\(\\s*['"]${escaped(found.name)}['"]`;
  return `\\b${escaped(found.column?.name ?? found.name)}\\b`;
}

export async function uses() {
  const document = workspace.active();
  const known = document && projects.now(document.path);
  const own = known?.byPath.get(document.path);
  const found = document?.isText ? (thing(document.path, document.state.doc, document.state.selection.main.head) ?? (own ? { kind: "node", name: own.name } : null)) : null;
  if (!found) return workspace.hint("Nothing that is known stands under the cursor.");
  const name = found.column?.name ?? found.name;
  const { files } = await ask("search/contents", { query: { q: usePattern(found), regex: "1", case: "1" } });
  workspace.showSide("search", { focus: false });
  const lines = files.reduce((sum, file) => sum + file.lines.length, 0);
  showFound(files, lines ? `${name} is used in ${lines} ${lines === 1 ? "place" : "places"}` : `${name} is used nowhere`);
  return undefined;
}

// --- outline ---

export function outline(document) {
  const { doc } = document.state;
  const end = document.path.split(".").pop().toLowerCase();
  const found = [];
  const each = (pattern, kind, name = 1) => {
    for (const match of doc.toString().matchAll(pattern)) found.push({ name: match[name].trim(), kind: typeof kind === "function" ? kind(match) : kind, line: doc.lineAt(match.index + match[0].length - match[0].trimStart().length).number });
  };
  if (end === "sql") {
    each(/\{%-?\s*(macro|test|snapshot|materialization)\s+(\w+)/g, (match) => match[1], 2);
    const known = projects.now(document.path);
    if (known) for (const cte of known.queries(doc).ctes) found.push({ name: cte.name, kind: "CTE", line: doc.lineAt(cte.at).number });
  } else if (end === "yml" || end === "yaml") each(/^\s*-?\s*(?:name|id):\s*['"]?([^'"\n#]+)/gm, "name");
  else if (end === "py") each(/^\s*(?:async\s+)?(def|class)\s+(\w+)/gm, (match) => match[1], 2);
  else if (end === "md") {
    each(/^#{1,6}\s+(.+)$/gm, "heading");
    each(/\{%\s*docs\s+(\w+)/g, "docs");
  }
  return found.sort((a, b) => a.line - b.line);
}

// --- what is wrong at a glance ---

// Names that lead nowhere, found here without asking: [{line, column, message, severity}].
export function unknown(document) {
  const known = projects.now(document.path);
  if (!known || !/\.(sql|ya?ml|py)$/.test(document.path)) return [];
  const found = [];
  const text = document.state.doc.toString().replace(/\{#[\s\S]*?#\}/g, (part) => part.replace(/[^\n]/g, " "));
  for (const call of text.matchAll(CALL)) {
    const [, name, , first, , second] = call;
    if (second.includes("{") || first?.includes("{")) continue;
    const lacks = name === "ref" && !first && !known.nodes.has(second) ? `There is no model, seed or snapshot ${second}.` : name === "source" && first !== undefined && !known.sources.has(`${first}.${second}`) ? `There is no source ${first}.${second}.` : "";
    if (!lacks) continue;
    const near = name === "ref" ? fitting(known.refs, second.slice(0, 24), 1)[0]?.name : null;
    const line = document.state.doc.lineAt(call.index);
    found.push({ line: line.number, column: call.index - line.from + 1, severity: "error", message: near ? `${lacks} Did you mean ${near}?` : lacks });
  }
  return found;
}

export function startHelp(made) {
  workspace = made;
  projects = new Projects(workspace.tree, (folder, known, error) => workspace.knowledgeCame(folder, known, error));
  workspace.projects = projects;
  workspace.outline = outline;
  workspace.help = {
    sources: (path) => [(context) => complete(path, context)],
    hover: (path) => (view, position) => {
      const found = thing(path, view.state.doc, position);
      const dom = found && told(found);
      return dom ? { pos: found.from, end: found.to, above: true, create: () => ({ dom }) } : null;
    },
    links: (text) => [...text.matchAll(/\{\{-?\s*(?:ref|source)\s*\([^)]*\)\s*-?\}\}/g)].map((match) => ({ from: match.index, to: match.index + match[0].length })),
  };
  command("definition", "Go to the definition", () => void definition(), { key: "F12", icon: "corner-down-right", when: () => Boolean(workspace.active()?.isText) });
  command("uses", "Where it is used", () => void workspace.attempt(uses), { key: "Shift-F12", icon: "list", when: () => Boolean(workspace.active()?.isText) });
  on("mousedown", ".cm-content", (event, content) => {
    if (!(event.ctrlKey || event.metaKey) || event.button !== 0 || !content.closest("[data-editor]")) return;
    const { view } = workspace.current();
    const position = view?.posAtCoords({ x: event.clientX, y: event.clientY });
    const document = workspace.active();
    if (position === undefined || position === null || !document || !thing(document.path, document.state.doc, position)) return;
    event.preventDefault();
    view.dispatch({ selection: { anchor: position } });
    void definition();
  }, true);
}
