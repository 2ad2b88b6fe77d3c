// Files as they are read rather than typed: CSV as a table, Markdown as a text. Everything is made of nodes, so that no file can bring a script.
import { Result } from "./results.js";

const MOST = 5000; // rows of a table

export const isReadable = (path) => /\.(csv|tsv|md)$/i.test(path);

export function reading(path, text) {
  const box = document.createElement("div");
  box.tabIndex = 0;
  if (/\.md$/i.test(path)) {
    box.className = "work-reading";
    box.append(...blocks(text.split("\n")));
    return box;
  }
  box.className = "work-csv";
  const [head = [], ...rows] = separated(text, path.toLowerCase().endsWith(".tsv") ? "\t" : /^[^"\n]*;[^"\n]*;/.test(text) && !/^[^"\n]*,/.test(text) ? ";" : ",");
  const shown = rows.slice(0, MOST).map((row) => head.map((_, at) => (row[at] === undefined || row[at] === "" ? null : row[at])));
  const columns = head.map((name, at) => ({ name, type: shown.length && shown.every((row) => row[at] === null || /^-?\d+(\.\d+)?$/.test(row[at])) ? "number" : "" }));
  const cells = shown.map((row) => row.map((value, at) => (columns[at].type && value !== null ? Number(value) : value)));
  const result = new Result({ columns, rows: cells });
  result.size = MOST;
  result.draw(box);
  return box;
}

// Rows of fields, as RFC 4180 has them: in quotes a field may hold the separator, line ends and doubled quotes.
export function separated(text, by = ",") {
  const rows = [];
  let row = [];
  let field = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') field += letter;
      else if (text[at + 1] === '"') {
        field += '"';
        at += 1;
      } else quoted = false;
    } else if (letter === '"' && field === "") quoted = true;
    else if (letter === by) {
      row.push(field);
      field = "";
    } else if (letter === "\n") {
      rows.push([...row, field]);
      row = [];
      field = "";
    } else if (letter !== "\r") field += letter;
  }
  if (field || row.length) rows.push([...row, field]);
  return rows;
}

const make = (name, ...inside) => {
  const element = document.createElement(name);
  element.append(...inside);
  return element;
};

// --- Markdown: headings, paragraphs, lists, quotes, tables, code; dbt's docs blocks are headings of their own ---

function blocks(lines) {
  const found = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    const docs = /^\s*\{%-?\s*(docs\s+(\w+)|enddocs)\s*-?%\}\s*$/.exec(line);
    const code = /^(```|~~~)/.exec(line);
    if (!line.trim()) at += 1;
    else if (heading) {
      found.push(make(`h${Math.min(heading[1].length + 1, 6)}`, ...inline(heading[2])));
      at += 1;
    } else if (docs) {
      if (docs[2]) found.push(Object.assign(make("p", docs[2]), { className: "work-docs tag" }));
      at += 1;
    } else if (code) {
      const end = lines.findIndex((one, index) => index > at && one.startsWith(code[1]));
      found.push(make("pre", make("code", lines.slice(at + 1, end < 0 ? undefined : end).join("\n"))));
      at = end < 0 ? lines.length : end + 1;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      found.push(make("hr"));
      at += 1;
    } else if (line.includes("|") && /^[\s|:-]*-[\s|:-]*$/.test(lines[at + 1] ?? "")) {
      const end = until(lines, at, (one) => one.includes("|"));
      found.push(table([line, ...lines.slice(at + 2, end)]));
      at = end;
    } else if (/^\s*>/.test(line)) {
      const end = until(lines, at, (one) => /^\s*>/.test(one));
      found.push(make("blockquote", ...blocks(lines.slice(at, end).map((one) => one.replace(/^\s*>\s?/, "")))));
      at = end;
    } else if (/^\s*([-*+]|\d+[.)])\s/.test(line)) {
      const end = until(lines, at, (one) => /^\s*([-*+]|\d+[.)])\s|^\s+\S/.test(one));
      found.push(listed(lines.slice(at, end)));
      at = end;
    } else {
      const end = until(lines, at, (one) => one.trim() && !/^(#{1,6}\s|```|~~~|\s*>|\s*[-*+]\s|\s*\{%)/.test(one));
      const last = Math.max(end, at + 1);
      found.push(make("p", ...inline(lines.slice(at, last).join(" "))));
      at = last;
    }
  }
  return found;
}

function until(lines, from, goesOn) {
  let at = from;
  while (at < lines.length && goesOn(lines[at])) at += 1;
  return at;
}

function listed(lines) {
  const list = make(/^\s*\d/.test(lines[0]) ? "ol" : "ul");
  const depth = /^\s*/.exec(lines[0])[0].length;
  for (let at = 0; at < lines.length; ) {
    const end = until(lines, at + 1, (one) => /^\s*/.exec(one)[0].length > depth);
    const inner = lines.slice(at + 1, end);
    const nested = inner.findIndex((one) => /^\s*([-*+]|\d+[.)])\s/.test(one));
    const own = [lines[at].replace(/^\s*([-*+]|\d+[.)])\s+/, ""), ...inner.slice(0, nested < 0 ? undefined : nested)].join(" ");
    list.append(make("li", ...inline(own), ...(nested < 0 ? [] : [listed(inner.slice(nested))])));
    at = end;
  }
  return list;
}

function table(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((one) => one.trim());
  const made = make("table", make("thead", make("tr", ...cells(lines[0]).map((one) => make("th", ...inline(one))))));
  made.className = "table";
  made.append(make("tbody", ...lines.slice(1).map((line) => make("tr", ...cells(line).map((one) => make("td", ...inline(one)))))));
  return made;
}

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|(?<!\w)_([^_\s][^_]*)_(?!\w)|!?\[([^\]]*)\]\(([^)\s]+)[^)]*\)|<(https?:[^>\s]+)>/g;

function inline(text) {
  const found = [];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    found.push(text.slice(last, match.index));
    last = match.index + match[0].length;
    const [whole, code, strong, strong2, em, em2, label, target, bare] = match;
    if (code) found.push(make("code", code));
    else if (strong ?? strong2) found.push(make("strong", ...inline(strong ?? strong2)));
    else if (em ?? em2) found.push(make("em", ...inline(em ?? em2)));
    else if (/^(https?:|mailto:)/.test(target ?? bare) && !whole.startsWith("!")) found.push(Object.assign(make("a", label ?? bare), { href: target ?? bare, rel: "noopener noreferrer", target: "_blank", className: "link" }));
    else found.push(label ?? whole);
  }
  return [...found, text.slice(last)].filter((one) => one !== "");
}
