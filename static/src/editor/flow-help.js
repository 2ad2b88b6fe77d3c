// Completion and hover for flow YAML, from the schema that the server computes from the task types:
// {flow: {property: Property}, types: {type: {kind, title, properties: {name: Property}}}} with Property {type, description, required, default, values}.

// Where the cursor is: the keys from the outermost to the innermost with their lines, found by indentation alone,
// so that a text which does not parse yet can be completed too.
export function place(lines, index, column) {
  const keys = [];
  let indent = column;
  for (let row = index; row >= 0; row -= 1) {
    const found = /^(\s*)((?:- )*)\s*([\w.$-]+)\s*:(.*)$/.exec(lines[row]);
    if (!found) {
      const item = /^(\s*)-\s/.exec(lines[row]);
      if (item && row !== index && item[1].length < indent) indent = item[1].length + 1;
      continue;
    }
    const at = found[1].length + found[2].length;
    if (row === index) { keys.unshift({ key: found[3], value: found[4].trim(), row, at }); indent = Math.min(indent, at); continue; }
    if (at < indent) { keys.unshift({ key: found[3], value: found[4].trim(), row, at }); indent = found[2] ? found[1].length + 1 : at; }
    else if (at === indent && found[2]) indent = found[1].length + 1;
  }
  return keys;
}

// The keys beside the one at this row and indentation: what a mapping already says.
function siblings(lines, index, indent) {
  const found = new Map();
  const read = (row, step) => {
    for (let at = row; at >= 0 && at < lines.length; at += step) {
      const line = lines[at];
      if (!line.trim() || line.trim().startsWith("#")) continue;
      const width = /^\s*/.exec(line)[0].length;
      const dashed = /^(\s*)((?:- )+)/.exec(line);
      const keyAt = dashed ? dashed[1].length + dashed[2].length : width;
      if (keyAt < indent || (dashed && dashed[1].length < indent && keyAt !== indent)) return;
      const key = /^\s*(?:- )*([\w.$-]+)\s*:\s*(.*)$/.exec(line);
      if (key && keyAt === indent) found.set(key[1], { value: key[2].trim(), row: at });
      if (step > 0 && at !== row && dashed && dashed[1].length < indent) return;
      if (step < 0 && dashed && keyAt === indent) return;
    }
  };
  read(index, -1);
  read(index + 1, 1);
  return found;
}

const plain = (value) => value.replace(/^["']|["']$/g, "");

// {type, row} of the task or trigger whose mapping the cursor stands in, the closest one outwards; null at the level of the flow.
export function typeAt(text, line, column) {
  const lines = text.split("\n");
  const own = lines[line - 1] ?? "";
  const start = /^(\s*)((?:- )*)/.exec(own);
  let indent = own.trim() ? start[1].length + start[2].length : column - 1;
  for (let row = line - 1; row >= 0 && indent >= 0; ) {
    const near = siblings(lines, row, indent);
    const type = near.get("type");
    if (type && type.value.includes(".")) return { type: plain(type.value), row: type.row + 1 };
    const parent = place(lines, row, indent).filter((found) => found.at < indent).pop();
    if (!parent) return null;
    row = parent.row;
    indent = parent.at;
  }
  return null;
}

function option(name, property, apply) {
  return {
    label: name, type: property.required ? "keyword" : "property", detail: property.required ? `${property.type ?? ""} · required` : property.type ?? "",
    info: property.description ? () => card(name, property) : undefined, apply, boost: property.required ? 10 : 0,
  };
}

function card(name, property) {
  const box = document.createElement("div");
  box.className = "help";
  const title = document.createElement("strong");
  title.textContent = name;
  const rest = [property.type, property.required ? "required" : "", property.default !== undefined && property.default !== null ? `default ${JSON.stringify(property.default)}` : ""];
  box.append(title, ` ${rest.filter(Boolean).join(" · ")}\n${property.description ?? ""}`);
  if (property.values) box.append(`\nOne of ${property.values.join(", ")}`);
  return box;
}

export function complete(context, schema) {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const text = context.state.doc.toString();
  const value = /^(\s*(?:- )*)([\w.$-]+)\s*:\s*["']?([\w.$-]*)$/.exec(before);
  if (value) return completeValue(context, schema, value, text, line);
  const name = /^(\s*(?:- )*)([\w$-]*)$/.exec(before);
  if (!name || (!name[2] && !context.explicit)) return null;
  const indent = name[1].length;
  const lines = text.split("\n");
  const near = siblings(lines, line.number - 1, indent);
  const found = near.get("type");
  const owner = found ? plain(found.value) : null;
  const properties = owner ? schema.types[owner]?.properties : indent === 0 ? schema.flow : { id: { type: "string", required: true }, type: { type: "string", required: true } };
  if (!properties) return null;
  const options = Object.entries(properties).filter(([key]) => !near.has(key) || key === name[2]).map(([key, property]) => option(key, property, `${key}: `));
  return { from: context.pos - name[2].length, options, validFor: /^[\w$-]*$/ };
}

function completeValue(context, schema, match, text, line) {
  const [, lead, key, typed] = match;
  const from = context.pos - typed.length;
  if (key === "type") {
    const options = Object.entries(schema.types).map(([type, about]) => ({ label: type, type: "class", detail: about.kind, info: about.title, apply: type }));
    return { from, options, validFor: /^[\w.$-]*$/ };
  }
  const owner = typeAt(text, line.number, lead.length + 1);
  const property = (owner ? schema.types[owner.type]?.properties : schema.flow)?.[key];
  const values = property?.values ?? (property?.type === "boolean" ? ["true", "false"] : null);
  return values ? { from, options: values.map((one) => ({ label: String(one), type: "enum" })), validFor: /^[\w.$-]*$/ } : null;
}

export function hover(view, position, schema) {
  const line = view.state.doc.lineAt(position);
  const found = /^(\s*(?:- )*)([\w.$-]+)\s*:(\s*["']?)([\w.$-]*)/.exec(line.text);
  if (!found) return null;
  const keyFrom = line.from + found[1].length;
  const keyTo = keyFrom + found[2].length;
  const text = view.state.doc.toString();
  if (position >= keyFrom && position <= keyTo) {
    const owner = typeAt(text, line.number, found[1].length + 1);
    const property = (owner ? schema.types[owner.type]?.properties : schema.flow)?.[found[2]];
    return property ? { pos: keyFrom, end: keyTo, above: true, create: () => ({ dom: card(found[2], property) }) } : null;
  }
  const about = found[2] === "type" ? schema.types[found[4]] : null;
  return about ? { pos: keyTo + 1, end: line.to, above: true, create: () => ({ dom: card(found[4], { description: about.title }) }) } : null;
}
