// The workspace: tree, tabs and editor of one copy of a namespace's files. What each part does lives in ./workspace/.
import { all, csrfToken, isDialogOpen, on, one, say } from "./dom.js";
import { ask as agree, openDialog } from "./dialogs.js";
import { dropped } from "./dropped.js";
import { toast } from "./toasts.js";
import { command, listKeys, run, startCommands } from "./workspace/commands.js";
import { Document, lookAhead } from "./workspace/documents.js";
import { Group } from "./workspace/groups.js";
import { startBottom } from "./workspace/bottom.js";
import { startCompany } from "./workspace/company.js";
import { saveMerge, startCovering } from "./workspace/covering.js";
import { startFinding } from "./workspace/find.js";
import { startGenerating } from "./workspace/generating.js";
import { startHelp } from "./workspace/help.js";
import { choose, isShown, nextPane, startPanes, toggle } from "./workspace/panes.js";
import { isReadable } from "./workspace/reading.js";
import { startQuick } from "./workspace/quick.js";
import { address, ask, config } from "./workspace/server.js";
import { startSettings } from "./workspace/settings.js";
import { startTargets } from "./workspace/targets.js";
import { folderOf, nameOf, Tree } from "./workspace/tree.js";

const root = one("[data-workspace]");
const place = one("[data-groups]");
const session = `workspace:${config.namespace}:${config.branch}:tabs`;
const bundle = await import(root.dataset.bundle);

let groups = [];
let current = null; // the side that the keys are about
const documents = new Map();
const listeners = { show: [], text: [], cursor: [], saved: [], knowledge: [] };
const tell = (name, ...values) => listeners[name].forEach((listener) => listener(...values));

const tree = new Tree(one("[role=tree]"), {
  onOpen: (path) => void open(path),
  onPoint: (path) => documents.has(path) || lookAhead(path),
  onMenu: showMenu,
  onKey: (what, row) => (what === "rename" ? rename(row.path) : remove(row.path)),
  onMove: move,
  onUpload: (transfer, folder) => void uploadDropped(transfer, folder),
});

// --- texts and tabs ---

function stateOf(document, text) {
  return bundle.make(text, {
    path: document.path,
    label: `${nameOf(document.path)}, source`,
    readOnly: !config.may_write,
    tab: config.settings.tab,
    wrap: config.settings.wrap,
    keys: workspace.vim,
    commands: editorKeys,
    help: workspace.help,
    onUpdate(update) {
      const shown = documents.get(document.path) ?? document;
      shown.state = update.state;
      if (update.docChanged) shown.changed();
      if (update.docChanged || update.selectionSet) tell("cursor", shown, update.state);
      if (update.docChanged) tell("text", shown);
    },
  });
}

function documentOf(path) {
  let found = documents.get(path);
  if (!found) {
    found = new Document(path, { bundle, make: stateOf, tell: changed });
    documents.set(path, found);
  }
  return found;
}

function changed(document) {
  for (const group of groups) if (group.documents.includes(document)) group.state(document);
  tree.setUnsaved(document.path, document.dirty);
  if (document === active()) {
    note();
    banner();
  }
}

const active = () => current?.active ?? null;
const groupOf = (document) => groups.find((group) => group.documents.includes(document)) ?? null;

function makeGroup() {
  const group = new Group({
    bundle,
    isModel: (document) => Boolean(workspace.projects.now(document.path)),
    onShow: shown,
    onClose: (document, side) => close(document, side),
    onFocus: (side) => {
      if (current === side) return;
      current = side;
      shown(side.active, side);
    },
    onMove(path, to, before) {
      const document = documents.get(path);
      if (document) moveTab(document, to, before);
    },
  });
  groups.push(group);
  place.append(group.element);
  place.dataset.count = groups.length;
  return group;
}

// Open a file, at a line where one is given; answers its document once it is there.
async function open(path, { line = 0, column = 1, focus = true, side = null } = {}) {
  const document = documentOf(path);
  const group = groupOf(document) ?? side ?? current;
  if (!group.documents.includes(document)) group.add(document);
  current = group;
  toggle("editor", true);
  await group.show(document, { focus });
  if (line && document.isText) goTo(document, line, column);
  remember();
  return document;
}

function goTo(document, line, column = 1) {
  const found = document.state.doc.line(Math.min(Math.max(line, 1), document.state.doc.lines));
  document.apply({ selection: { anchor: Math.min(found.from + column - 1, found.to) }, scrollIntoView: true });
  if (document.view) document.view.focus();
}

function shown(document, group) {
  if (group !== current) return;
  one("[data-crumb-file]").textContent = document ? nameOf(document.path) : "";
  window.document.title = `${document ? `${nameOf(document.path)} · ` : ""}${config.namespace} · kestra_web`;
  if (document) tree.reveal(document.path);
  remember();
  note();
  banner();
  if (document) workspace.projects.now(document.path);
  tell("show", document);
  if (document?.state) tell("cursor", document, document.state);
}

function remember() {
  const sides = groups.map((group) => ({ paths: group.documents.map((one) => one.path), active: group.active?.path ?? "" }));
  localStorage.setItem(session, JSON.stringify(sides));
  const url = new URL(location.href);
  if (active()) url.searchParams.set("path", active().path);
  else url.searchParams.delete("path");
  url.hash = "";
  history.replaceState(history.state, "", url);
}

async function restore() {
  const query = new URL(location.href).searchParams;
  let sides = [];
  try {
    sides = JSON.parse(localStorage.getItem(session) ?? "[]");
  } catch { /* what is damaged is not restored */ }
  const drafts = (await ask("drafts").catch(() => ({ drafts: [] }))).drafts.map((draft) => draft.path);
  for (const path of drafts) tree.setUnsaved(path, true);
  const there = (path) => tree.known.has(path) || drafts.includes(path);
  sides.slice(0, 2).forEach((side, index) => {
    const paths = side.paths.filter(there);
    if (!paths.length) return;
    const group = groups[index] ?? makeGroup();
    group.documents = paths.map(documentOf);
  });
  for (const path of drafts) if (!groupOf(documentOf(path))) groups[0].documents.push(documentOf(path));
  for (const document of documents.values()) document.pending = drafts.includes(document.path);
  groups = groups.filter((group, index) => index === 0 || group.documents.length);
  current = groups[0];
  const wanted = query.get("path");
  await Promise.all(groups.map((group, index) => {
    const path = sides[index]?.active;
    const first = group.documents.find((one) => one.path === path) ?? group.documents[0];
    if (index === 0 && wanted && there(wanted)) return null;
    return first ? group.show(first) : group.empty();
  }));
  if (wanted && there(wanted)) await open(wanted, { line: Number(query.get("line") ?? 0), focus: Boolean(query.get("line")) });
  else if (wanted) workspace.hint(`${wanted} is not among these files.`);
}

async function close(document, group = groupOf(document)) {
  if (!document || !group) return;
  if (document.dirty && document.isText) {
    await document.keep();
    toast(`${nameOf(document.path)} is closed; what you typed is kept as a draft`);
  }
  group.remove(document);
  documents.delete(document.path);
  if (!group.documents.length && groups.length > 1) joinSides(group);
  remember();
}

function joinSides(empty) {
  groups = groups.filter((group) => group !== empty);
  empty.element.remove();
  place.dataset.count = groups.length;
  current = groups[0];
  shown(current.active, current);
}

function moveTab(document, to, before = null) {
  const from = groupOf(document);
  if (from === to && !before) return;
  if (from !== to) from.remove(document);
  to.add(document, before);
  current = to;
  void to.show(document, { focus: true });
  if (!from.documents.length && groups.length > 1) joinSides(from);
  remember();
}

function split() {
  const document = active();
  if (!document) return;
  if (groups.length > 1) moveTab(document, groups.find((group) => group !== current));
  else if (current.documents.length > 1) moveTab(document, makeGroup());
  else say("Open a second file to split the editor.");
}

// --- saving ---

async function save(document = active()) {
  if (!document?.isText || !config.may_write) return null;
  if (!document.dirty && !document.clash) {
    note();
    return { state: "saved" };
  }
  let answer = null;
  if (config.settings.format_on_save && document === active() && document.path.endsWith(".sql") && document.dirty && workspace.projects.now(document.path)) await workspace.format({ ask: false });
  document.busy = true;
  changed(document);
  try {
    answer = await document.save();
    if (answer.state === "merged") toast(`${nameOf(document.path)} saved together with what ${answer.by || "someone else"} changed`);
    if (answer.state === "conflict") say("Nothing is saved: somebody changed the same lines.");
    else say(`${nameOf(document.path)} saved`);
    if (!tree.known.has(document.path)) await reload();
    if (answer.state !== "conflict") filesChanged();
    tell("saved", document, answer);
  } catch (error) {
    trouble(error);
  }
  document.busy = false;
  changed(document);
  return answer;
}

async function saveAll() {
  for (const document of documents.values()) if (document.dirty) await save(document);
}

// A part of the page that shows files (the Git panel) reads itself again; the marks in the tree too.
function filesChanged() {
  workspace.projects.again();
  document.body.dispatchEvent(new CustomEvent("filesChanged"));
  void readMarks();
}

async function readMarks() {
  if (!config.branch) return;
  const found = await ask("marks").catch(() => null);
  if (found) tree.setMarks(found.marks);
}

async function reload() {
  await tree.load();
  workspace.projects.again();
  await readMarks();
}

function trouble(error) {
  const box = one("#page-messages");
  const banner = one("#work-trouble").content.firstElementChild.cloneNode(true);
  one("p", banner).textContent = error.message;
  box.replaceChildren(banner);
}

// What has to be decided about the file that is shown.
function banner() {
  const group = current;
  const box = one("[data-banner]", group.element);
  const document = group.active;
  const kind = document?.clash ? "clash" : document?.note === "draft" && document.dirty ? "draft" : "";
  if (box.dataset.kind === `${kind}:${document?.path}`) return;
  box.dataset.kind = `${kind}:${document?.path}`;
  box.replaceChildren();
  if (!kind) return;
  const made = one(`#work-${kind}`).content.firstElementChild.cloneNode(true);
  if (kind === "clash") {
    one("p", made).textContent = document.clash.message;
    for (const name of ["theirs", "merge"]) one(`[data-run=clash-${name}]`, made).hidden = document.clash.theirs === null;
  }
  box.append(made);
}

// Two texts side by side in a dialog; resolves to true when the right one is taken.
async function compare({ title, action, left, right, path }) {
  const dialog = one("#work-compare");
  one("h2", dialog).textContent = title;
  const button = one("[data-compare-take]", dialog);
  button.textContent = action;
  button.hidden = !action;
  const box = one("[data-compare]", dialog);
  box.replaceChildren();
  openDialog(dialog);
  const view = await bundle.compare(box, { path, left, right });
  if (action) button.focus();
  return new Promise((resolve) => {
    button.onclick = () => dialog.close("take");
    dialog.onclose = () => {
      view.destroy();
      resolve(dialog.returnValue === "take");
      dialog.returnValue = "";
    };
  });
}

// --- files and folders ---

// A dialog that asks for a path; resolves to it, or to null.
function askPath({ title, label, value, action, from = value.lastIndexOf("/") + 1, to = value.length }) {
  const dialog = one("#work-path");
  const field = one("input", dialog);
  one("h2", dialog).textContent = title;
  one("label", dialog).textContent = label;
  one("[data-path-action]", dialog).textContent = action;
  field.value = value;
  dialog.returnValue = "";
  openDialog(dialog);
  field.focus();
  field.setSelectionRange(from, to);
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "go" && field.value.trim() ? field.value.trim() : null);
  });
}

const here = () => {
  const row = tree.rows[tree.place?.get(tree.at)];
  const folder = row ? (row.folder ? row.path : folderOf(row.path)) : "";
  return folder ? `${folder}/` : "";
};

async function create(folder = here(), kind = "file") {
  const path = await askPath({ title: kind === "file" ? "New file" : "New folder", label: "Path, with / between folders", value: folder, action: kind === "file" ? "Make file" : "Make folder", from: folder.length });
  if (!path) return;
  const made = await attempt(() => ask("create", { body: { path: kind === "folder" ? `${path.replace(/\/+$/, "")}/` : path } }));
  if (!made) return;
  await reload();
  filesChanged();
  if (made.path.endsWith("/")) tree.reveal(made.path.slice(0, -1));
  else await open(made.path);
}

async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    trouble(error);
    return null;
  }
}

async function rename(path) {
  const name = nameOf(path);
  const start = path.length - name.length;
  const dot = name.lastIndexOf(".");
  const to = await askPath({ title: `Rename or move ${name}`, label: "New path", value: path, action: "Rename", from: start, to: dot > 0 ? start + dot : path.length });
  if (to && to !== path) await move(path, to);
}

async function move(path, wanted) {
  for (const document of documents.values()) if (document.dirty && (document.path === path || document.path.startsWith(`${path}/`))) await document.save().catch(() => {});
  const to = await attempt(() => ask("rename", { body: { path, to: wanted } }));
  if (!to) return;
  moved(path, to.path);
  await reload();
  if (active()) shown(active(), current);
  filesChanged();
  toast(`Now ${to.path}`);
}

// Tabs follow files that have got another path.
function moved(path, to) {
  for (const document of [...documents.values()]) {
    if (document.path !== path && !document.path.startsWith(`${path}/`)) continue;
    documents.delete(document.path);
    tree.setUnsaved(document.path, false);
    document.path = to + document.path.slice(path.length);
    documents.set(document.path, document);
  }
  groups.forEach((group) => group.draw());
}

async function remove(path) {
  const gone = await attempt(() => ask("delete", { body: { path } }));
  if (!gone) return;
  for (const document of [...documents.values()]) {
    if (document.path !== path && !document.path.startsWith(`${path}/`)) continue;
    groupOf(document)?.remove(document);
    documents.delete(document.path);
    tree.setUnsaved(document.path, false);
  }
  await reload();
  filesChanged();
  toast(`${nameOf(path)} is in the trash`, gone.undo);
}

// Undo of a toast, without leaving the page.
document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-toast-undo]")) return;
  event.preventDefault();
  event.target.closest("[data-toast]").remove();
  const url = new URL(event.target.action);
  const deletion = url.searchParams.get("deletion");
  const back = await attempt(() => (deletion ? ask("restore", { body: { deletion } }) : undo(url)));
  if (!back) return;
  await reload();
  filesChanged();
  for (const document of documents.values()) await document.refresh().catch(() => {});
  toast(back.path ? `${nameOf(back.path)} is back` : back.message);
});

// What Git did is undone at an address of its own, which answers as it answers htmx.
async function undo(url) {
  const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json", "HX-Request": "true", "X-CSRFToken": csrfToken() }, credentials: "same-origin" });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).message ?? `The server answered ${answer.status}. Try again.`);
  if (answer.headers.has("HX-Redirect")) location.assign(answer.headers.get("HX-Redirect"));
  return JSON.parse(answer.headers.get("HX-Trigger-After-Settle") ?? "{}").toast ?? { message: "Undone" };
}

async function upload(files, folder, paths = files.map((file) => file.name)) {
  if (!files.length) return;
  const form = new FormData();
  form.append("folder", folder);
  files.forEach((file, index) => {
    form.append("files", file);
    form.append("paths", paths[index]);
  });
  const archives = paths.filter((path) => path.toLowerCase().endsWith(".zip"));
  if (archives.length && (await agree({ title: `Unpack ${archives.map(nameOf).join(", ")}?`, text: "What the archive holds is put here. Otherwise it is uploaded as the file it is.", action: "Unpack", kind: "primary" }))) form.append("unpack", "1");
  const done = await attempt(() => ask("upload", { form }));
  if (!done) return;
  await reload();
  filesChanged();
  for (const path of done.paths) await documents.get(path)?.refresh();
  toast(`${done.paths.length} ${done.paths.length === 1 ? "file" : "files"} uploaded`);
}

async function uploadDropped(transfer, folder) {
  const found = await dropped(transfer);
  await upload(found.map((one) => one.file), folder, found.map((one) => one.path));
}

function showMenu(row, x, y) {
  const menu = one("#work-menu");
  menu.dataset.path = row?.path ?? "";
  for (const item of all("[data-for]", menu)) item.hidden = !row || !item.dataset.for.split(" ").includes(row.folder ? "folder" : "file");
  if (row && !row.folder) for (const name of ["download", "history"]) one(`[data-menu-${name}]`, menu).href = String(address(name, { path: row.path }));
  menu.showPopover();
  menu.style.setProperty("left", `${Math.min(x, innerWidth - menu.offsetWidth - 8)}px`);
  menu.style.setProperty("top", `${Math.min(y, innerHeight - menu.offsetHeight - 8)}px`);
  all("a, button", menu).find((item) => !item.hidden)?.focus();
}

on("click", "#work-menu [data-menu]", (event, button) => {
  const menu = button.closest("#work-menu");
  const { path } = menu.dataset;
  menu.hidePopover();
  const folder = path && tree.folders.has(path) ? `${path}/` : path && folderOf(path) ? `${folderOf(path)}/` : "";
  const acts = { file: () => create(folder), folder: () => create(folder, "folder"), rename: () => rename(path), delete: () => remove(path), copy: () => navigator.clipboard?.writeText(path), upload: () => chooseUpload(folder), side: () => openBeside(path) };
  void acts[button.dataset.menu]();
});

function openBeside(path) {
  const document = documents.get(path);
  const side = groups.find((group) => group !== current) ?? makeGroup();
  if (document && groupOf(document)) moveTab(document, side);
  else void open(path, { side });
}

function chooseUpload(folder = here(), whole = false) {
  const field = one(whole ? "#work-upload-folder" : "#work-upload");
  field.onchange = () => {
    const files = [...field.files];
    void upload(files, folder.replace(/\/$/, ""), files.map((file) => file.webkitRelativePath || file.name));
    field.value = "";
  };
  field.click();
}

// --- the line at the bottom ---

function note() {
  const document = active();
  one("[data-kind-text]").textContent = document?.isText ? { sql: "SQL + Jinja", yml: "YAML", yaml: "YAML", md: "Markdown", py: "Python", json: "JSON", csv: "CSV" }[document.path.split(".").pop().toLowerCase()] ?? "Text" : "";
  one("[data-cursor-text]").hidden = !document?.isText;
  one("[data-tab-text]").textContent = document?.isText ? `Spaces: ${config.settings.tab}` : "";
}

listeners.cursor.push((document, state) => {
  if (document !== active()) return;
  const { head } = state.selection.main;
  const line = state.doc.lineAt(head);
  const chosen = state.selection.ranges.reduce((sum, range) => sum + range.to - range.from, 0);
  one("[data-cursor-text]").textContent = `Ln ${line.number}, Col ${head - line.from + 1}${chosen ? ` (${chosen} chosen)` : ""}`;
});

// --- commands ---

const editorKeys = {};
const may = () => config.may_write;
const isText = () => Boolean(active()?.isText);

command("save", "Save", () => saveMerge() || save(), { key: "Mod-s", icon: "save", when: isText });
command("save-all", "Save all", saveAll, { key: "Mod-Alt-s", icon: "save", when: may });
command("new-file", "New file", () => create(), { key: "Alt-n", icon: "file-plus", when: may });
command("new-folder", "New folder", () => create(here(), "folder"), { icon: "folder-plus", when: may });
command("rename", "Rename or move the file", () => active() && rename(active().path), { icon: "pencil", when: () => may() && active() && !active().isNew });
command("delete", "Delete the file", () => active() && remove(active().path), { icon: "trash-2", when: () => may() && active() && !active().isNew });
command("upload", "Upload files", () => chooseUpload(), { icon: "upload", when: may });
command("upload-folder", "Upload a folder", () => chooseUpload(here(), true), { icon: "upload", when: may });
command("download", "Download the file", () => location.assign(address("download", { path: active().path })), { icon: "download", when: () => Boolean(active()) });
command("close", "Close the tab", () => active() && close(active()), { key: "Alt-w", icon: "x", when: () => Boolean(active()) });
command("next-tab", "Next tab", () => current.step(1), { key: "Alt-PageDown", icon: "arrow-right" });
command("previous-tab", "Previous tab", () => current.step(-1), { key: "Alt-PageUp", icon: "arrow-left" });
command("split", "Split: move the tab to the other side", split, { key: "Mod-\\", icon: "columns-3", when: () => Boolean(active()) });
command("toggle-side", "Files, search and Git", () => toggle("side"), { key: "Mod-b", icon: "panel-left" });
command("toggle-bottom", "Results and problems", () => toggle("bottom"), { key: "Mod-j", icon: "panel-bottom" });
command("files", "Go to the files", () => showSide("files"), { key: "Mod-Shift-e", icon: "folder-tree" });
if (config.bound) command("git", "Go to Git", () => showSide("git"), { key: "Mod-Shift-g", icon: "git-branch" });
command("next-pane", "Next pane", () => nextPane(1, () => current.focus()), { key: "F6" });
command("previous-pane", "Previous pane", () => nextPane(-1, () => current.focus()), { key: "Shift-F6" });
command("revert", "Throw away what is not saved", revert, { icon: "undo-2", when: () => isText() && active().dirty });
command("reload", "Read the files again", async () => { await reload(); for (const document of documents.values()) await document.refresh().catch(() => {}); }, { icon: "refresh-cw" });
command("fold-all", "Fold all folders", () => tree.fold(), { icon: "chevrons-down-up" });
command("find", "Find in this file", () => active().view && bundle.openSearchPanel(active().view), { icon: "search", when: isText });
command("reading", "As it is read: CSV as a table, Markdown as text", () => current.turn(), { key: "Mod-Shift-v", icon: "eye", when: () => isText() && isReadable(active().path) });
command("keys", "Keyboard shortcuts", () => openDialog(one("#keys")), { icon: "keyboard" });
command("clash-mine", "", async () => { const document = active(); document.settle(document.text); await save(document); });
command("clash-theirs", "", async () => { const document = active(); document.settle(document.clash.theirs); await save(document); });
command("draft-compare", "Compare with what is saved", async () => {
  const document = active();
  await compare({ title: `${nameOf(document.path)}: saved and yours`, action: "", path: document.path, left: { text: document.saved.toString(), label: "Saved" }, right: { text: document.text, label: "Yours" } });
}, { icon: "git-compare", when: () => isText() && active().dirty });

async function revert() {
  const document = active();
  if (!document) return;
  if (document.isNew) {
    await ask("draft/drop", { body: { path: document.path } }).catch(() => {});
    document.fresh = false;
    document.saved = document.state.doc;
    document.kept = null;
    await close(document);
    return;
  }
  await attempt(() => document.revert());
  changed(document);
}

function showSide(name, { focus = true } = {}) {
  toggle("side", true);
  choose(one(".work-side [data-views]"), name);
  const view = one(`#view-${name}`);
  if (focus) (one("[data-git-message]", view) ?? all("[role=tree], input, button", view).find((found) => found.offsetParent !== null))?.focus();
}

// --- start ---

export const workspace = {
  root, bundle, tree, documents, listeners, editorKeys, vim: [], help: null,
  active, askPath, moved, open, save, saveAll, goTo, changed, groups: () => groups, current: () => current, compare, toast, trouble, attempt, showSide, reload, filesChanged, documentOf, isShown, toggle, agree, refresh: (document) => document && changed(document),
  hint(text) {
    const box = one("[data-hint-text]");
    box.textContent = text;
    clearTimeout(workspace.hinted);
    workspace.hinted = setTimeout(() => { box.textContent = ""; }, 6000);
  },
  knowledgeCame(folder, known, error) {
    if (known) one("[data-project-text]").textContent = `${known.project}${known.adapter ? `, ${known.adapter}` : ""}: ${known.nodes.size.toLocaleString("en")} nodes, ${known.sources.size.toLocaleString("en")} sources`;
    else if (error?.status !== 404) one("[data-project-text]").textContent = error?.message ?? "";
    tell("knowledge", folder, known);
  },
  invent(path, text) {
    const document = documentOf(path).invent(text);
    current.add(document);
    return current.show(document, { focus: true });
  },
};

addEventListener("pagehide", () => { for (const document of documents.values()) void document.keep({ leaving: true }); });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) for (const one of documents.values()) void one.keep();
  else if (!isDialogOpen()) void run("reload");
});

startCovering(workspace);
startPanes();
startQuick(workspace);
startFinding(workspace);
startHelp(workspace);
startBottom(workspace);
startGenerating(workspace);
startTargets(workspace);
startCompany(workspace);
startCommands();
listKeys(one("#keys .keys"));
makeGroup();
current = groups[0];
await Promise.all([tree.load().catch(trouble), startSettings(workspace)]);
await restore();
void readMarks();
root.dataset.ready = "";
