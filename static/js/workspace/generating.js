// Files that are written for somebody, shown unsaved so that they are read before they are kept; and a model renamed with all that names it.
import { one } from "../dom.js";
import { openDialog } from "../dialogs.js";
import { command } from "./commands.js";
import { ask, config } from "./server.js";
import { nameOf } from "./tree.js";

let workspace;

const active = () => workspace.active();
const inProject = () => config.may_write && Boolean(active() && workspace.projects.now(active().path));
const isModel = () => inProject() && Boolean(workspace.projects.now(active().path).byPath.get(active().path));
const chosen = () => {
  const state = active()?.state;
  return state ? state.sliceDoc(state.selection.main.from, state.selection.main.to) : "";
};

async function generate(what, more = {}) {
  const made = await workspace.attempt(() => ask(`generate/${what}`, { body: { path: active().path, ...more } }));
  if (!made) return;
  if (workspace.tree.known.has(made.path)) {
    const document = await workspace.open(made.path);
    document.replace(made.text);
  } else await workspace.invent(made.path, made.text);
  workspace.hint(`${nameOf(made.path)} is not saved yet.`);
}

async function ofTable(what, title) {
  const known = workspace.projects.now(active().path);
  const first = [...known.sources.keys()][0] ?? "";
  const text = await workspace.askPath({ title, label: "Source and table, as shop.orders", value: first, action: "Write it", from: 0 });
  if (!text) return;
  const [source, table, ...rest] = text.split(".");
  if (!source || !table || rest.length) workspace.hint("A table is named by its source and its own name, as shop.orders.");
  else await generate(what, { source: source.trim(), table: table.trim() });
}

async function fromChosen() {
  const selection = chosen();
  const name = await workspace.askPath({ title: "New model from what is chosen", label: "Name of the model", value: "", action: "Write it" });
  if (name) await generate("model", { name, selection });
}

// What changes is shown before anything does.
async function rename() {
  const document = active();
  const old = nameOf(document.path).replace(/\.\w+$/, "");
  const name = await workspace.askPath({ title: `Rename the model ${old}`, label: "New name; what refers to it follows", value: old, action: "Show what changes", from: 0 });
  if (!name || name === old) return;
  await workspace.saveAll();
  const body = { path: document.path, name };
  const found = await workspace.attempt(() => ask("dbt/rename", { body }));
  if (!found || !(await agreed(`${old} becomes ${name}`, found.changes))) return;
  const done = await workspace.attempt(() => ask("dbt/rename", { body: { ...body, apply: true } }));
  if (!done) return;
  const moved = document.path.replace(/[^/]*(\.\w+)$/, `${name}$1`);
  workspace.moved(document.path, moved);
  await workspace.reload();
  for (const other of workspace.documents.values()) await other.refresh().catch(() => {});
  workspace.filesChanged();
  workspace.toast(`${old} is now ${name}`);
}

function differing(before, after) {
  const old = before.split("\n");
  return after.split("\n").filter((line, at) => line !== old[at]).length;
}

function agreed(title, changes) {
  const dialog = one("#work-changes");
  one("h2", dialog).textContent = title;
  one("[data-changes]", dialog).replaceChildren(...changes.map((change) => {
    const row = one("template", dialog).content.firstElementChild.cloneNode(true);
    one("[data-path]", row).textContent = change.to && change.to !== change.path ? `${change.path} → ${change.to}` : change.path;
    const count = differing(change.before, change.after);
    one(".muted", row).textContent = count ? `${count} ${count === 1 ? "line" : "lines"}` : "";
    return row;
  }));
  dialog.returnValue = "";
  openDialog(dialog);
  one("[value=go]", dialog).focus();
  return new Promise((resolve) => { dialog.onclose = () => resolve(dialog.returnValue === "go"); });
}

export function startGenerating(made) {
  workspace = made;
  command("generate-staging", "Write a staging model of a table", () => void ofTable("staging", "Staging model of a table"), { icon: "sparkles", when: inProject });
  command("generate-sources", "Declare a table as a source", () => void ofTable("sources", "A table as a source"), { icon: "sparkles", when: inProject });
  command("generate-schema", "Write the YAML of this model", () => void generate("schema"), { icon: "sparkles", when: isModel });
  command("generate-model", "New model from what is chosen", () => void fromChosen(), { icon: "sparkles", when: () => inProject() && Boolean(chosen()) });
  // In the tree F2 is about the file under the cursor.
  command("rename-model", "Rename this model and what refers to it", () => void rename(), { key: "F2", icon: "pencil", when: () => isModel() && !document.activeElement?.closest("[role=tree]") });
}
