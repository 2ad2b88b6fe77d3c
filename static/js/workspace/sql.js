// Just enough of SQL to know what can be named where the cursor is: CTEs, what a select reads, and the columns that it gives.
// No grammar: brackets, commas and a few words, so that a text that is half typed is understood as well.

const AFTER = new Set("where group order having limit qualify window on using inner left right full cross join natural lateral union except intersect select from as and or not asof semi anti positional pivot unpivot tablesample".split(" "));
const RELATION = /\b(from|join)\s+(\{\{-?\s*(?:ref|source)\s*\([^)]*\)\s*-?\}\}|"[^"]+"|[A-Za-z_][\w.]*)(?:\s+(?:as\s+)?([A-Za-z_]\w*))?/gi;

// The same text, with what is in comments and strings as spaces, so that positions stay. Strings inside of {{ }} stay, they name models.
export function bare(text) {
  return text.replace(/\{\{[\s\S]*?\}\}|\{#[\s\S]*?#\}|\{%[\s\S]*?%\}|--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g, (found) => (found.startsWith("{{") ? found : found.replace(/[^\n]/g, " ")));
}

function closing(text, open) {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === "(") depth += 1;
    else if (text[at] === ")" && (depth -= 1) === 0) return at;
  }
  return text.length;
}

// {ctes: [{name, at, from, to}], main: {from, to}}, from and to around what is in the brackets.
export function queries(text) {
  const plain = bare(text);
  const ctes = [];
  const find = /(?:\bwith\s+(?:recursive\s+)?|,\s*)([A-Za-z_]\w*)\s*(?:\([^()]*\)\s*)?as\s*(?:not\s+materialized\s*|materialized\s*)?\(/gi;
  let end = 0;
  for (let found = find.exec(plain); found; found = find.exec(plain)) {
    const open = found.index + found[0].length - 1;
    const close = closing(plain, open);
    ctes.push({ name: found[1], at: found.index + found[0].indexOf(found[1]), from: open + 1, to: close });
    find.lastIndex = close;
    end = close + 1;
  }
  return { plain, ctes, main: { from: end, to: plain.length } };
}

// What stands at the top of a query: everything in brackets is left out, but keeps its place.
function top(plain, from, to) {
  let depth = 0;
  let found = "";
  for (let at = from; at < to; at += 1) {
    const letter = plain[at];
    if (letter === ")") depth -= 1;
    found += depth > 0 && letter !== "\n" ? " " : letter;
    if (letter === "(") depth += 1;
  }
  return found;
}

export function relations(plain, from, to) {
  const found = [];
  const text = plain.slice(from, to);
  for (const match of text.matchAll(RELATION)) {
    const named = /(?:ref|source)\s*\(\s*(?:['"]([^'"]*)['"]\s*,\s*)?['"]([^'"]*)['"]/.exec(match[2]);
    const alias = match[3] && !AFTER.has(match[3].toLowerCase()) ? match[3] : "";
    const kind = /^\{\{-?\s*source/.test(match[2]) ? "source" : named ? "ref" : "name";
    const name = named ? named[2] : match[2].replaceAll('"', "");
    found.push({ kind, group: named?.[1] ?? "", name, alias: alias || name.split(".").at(-1), at: from + match.index });
  }
  return found;
}

// The columns of a query, as [{name, from: relation or null}]; `columnsOf(relation)` tells those of what it reads.
export function columns(query, part, columnsOf) {
  const head = top(query.plain, part.from, part.to);
  const select = /\bselect\s+(?:distinct\s+(?:on\s*\(\s*\)\s*)?|all\s+)?/i.exec(head);
  if (!select) return [];
  const begin = select.index + select[0].length;
  const end = /\bfrom\b/i.exec(head.slice(begin));
  const list = head.slice(begin, end ? begin + end.index : head.length);
  const reads = relations(query.plain, part.from, part.to);
  const found = [];
  for (const item of list.split(",").map((one) => one.trim())) {
    const star = /^(?:([A-Za-z_]\w*)\.)?\*/.exec(item);
    if (star) {
      for (const one of star[1] ? reads.filter((read) => read.alias.toLowerCase() === star[1].toLowerCase()) : reads) found.push(...columnsOf(one).map((column) => ({ ...column, of: column.of ?? one })));
      continue;
    }
    const plainName = /^(?:([A-Za-z_]\w*)\.)?([A-Za-z_]\w*)$/.exec(item);
    const name = /(?:\bas\s+|\s)"?([A-Za-z_]\w*)"?$/i.exec(item)?.[1] ?? plainName?.[2];
    if (!name || AFTER.has(name.toLowerCase())) continue;
    const source = plainName && reads.find((read) => !plainName[1] || read.alias.toLowerCase() === plainName[1].toLowerCase());
    const same = source ? columnsOf(source).find((column) => column.name.toLowerCase() === name.toLowerCase()) : null;
    found.push(same ? { ...same, name } : { name, type: "", description: "" });
  }
  return found;
}

// The part (CTE or main query) in which a position lies.
export const partAt = (query, position) => query.ctes.find((cte) => position >= cte.from && position <= cte.to) ?? query.main;
