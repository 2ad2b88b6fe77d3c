// Files of a namespace: the editor over its text area, Ctrl S, what is not saved yet, dropping files on the tree.
import { all, on, one } from "./dom.js";
import { ask, openDialog } from "./dialogs.js";
import { dropped } from "./dropped.js";
import { key } from "./keys.js";
import { faces, watch } from "./presence.js";

const root = one("[data-namespace-files]");
let saved = null;
let editor = null;
let bundle = null;
let people = [];

const area = () => one("#file-content", root);
const dirty = () => area() !== null && saved !== null && area().value !== saved;

const path = () => new URLSearchParams(location.search).get("path")?.replace(/^\/+/, "") ?? "";

function tell() {
  const note = one("[data-save-note]", root);
  if (note) note.textContent = dirty() ? "Not saved yet" : "";
}

function typed() {
  tell();
  if (dirty()) company.typing();
}

// Who else has this file open, and what they save: shown at once where nothing was typed here, else put together by the next save.
const company = watch(root.dataset.namespace, {
  onPeople(found) {
    people = found;
    draw();
  },
  onSaved(fact) {
    if (fact.path !== path() || !area()) return;
    if (!dirty()) one(`#file-tree [data-file][aria-current]`)?.click();
    else one("[data-save-note]", root).textContent = `${fact.name} saved; your text will be put together with it`;
  },
});

function draw() {
  const element = one("[data-faces]", root);
  if (element) faces(element, people, path());
}

function save() {
  one("[data-file-form]", root)?.requestSubmit();
}

// The editor's bundle is optional: without it the text area does the work.
async function start() {
  company.here(path());
  draw();
  editor?.destroy();
  editor = null;
  const text = area();
  saved = text && !one(".banner", root) ? text.value : text ? "\u0000" : null;
  if (!text) return;
  text.addEventListener("input", typed);
  delete root.dataset.ready;
  bundle ??= import(root.dataset.editor).catch(() => null);
  const module = await bundle;
  if (area() !== text) return;
  if (module) {
    const label = text.getAttribute("aria-label");
    editor = module.mount(text, { language: text.dataset.language, readOnly: text.readOnly, label, onChange: typed, onSave: save });
  }
  root.dataset.ready = "";
  tell();
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.id === "file-view" || event.detail.target?.id === "file-view") void start();
});

// Another file, with something not saved: ask first.
on("click", "[data-file]", async (event, link) => {
  if (!dirty() || event.defaultPrevented) {
    all("[aria-current]", one("#file-tree")).forEach((old) => old.removeAttribute("aria-current"));
    link.setAttribute("aria-current", "true");
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  if (await ask({ title: "Leave without saving?", text: "What you typed in this file is lost.", action: "Leave" })) {
    saved = null;
    link.click();
  }
}, true);

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s" && area()) {
    event.preventDefault();
    save();
  }
  if (event.key === "F2" && one("#rename-file")) openDialog(one("#rename-file"));
});
addEventListener("beforeunload", (event) => {
  if (dirty()) event.preventDefault();
});
// The server's redirect after a save, rename or delete leaves nothing behind.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Redirect")) saved = null;
});
document.addEventListener("submit", () => { if (!window.htmx) saved = null; });

const side = one("[data-drop]", root);
if (side) {
  const form = one("[data-upload]");
  side.addEventListener("dragover", (event) => {
    event.preventDefault();
    side.dataset.dropping = "";
  });
  side.addEventListener("dragleave", () => delete side.dataset.dropping);
  side.addEventListener("drop", async (event) => {
    event.preventDefault();
    delete side.dataset.dropping;
    const folder = event.target.closest("details")?.querySelector("[data-folder]")?.dataset.folder ?? side.dataset.drop;
    const found = await dropped(event.dataTransfer);
    if (!found.length) return;
    const files = new DataTransfer();
    for (const { file } of found) files.items.add(file);
    one("[name=files]", form).files = files.files;
    one("[name=folder]", form).value = folder;
    name(found.map(({ path }) => path));
    form.requestSubmit();
  });
  // A form tells only the last part of a name: where a file lies in its folder is told beside it.
  const name = (paths) => one("[data-paths]", form).replaceChildren(...paths.map((path) => {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "paths", value: path });
    return field;
  }));
  one("[name=files]", form).addEventListener("change", ({ target }) => {
    name(target.webkitdirectory ? [...target.files].map((file) => file.webkitRelativePath) : []);
  });
  one("[data-whole]", form).addEventListener("change", ({ target }) => {
    const field = one("[name=files]", form);
    field.webkitdirectory = target.checked;
    field.value = "";
    name([]);
  });
  key("n", "New file", () => openDialog(one("#new-file")));
}
void start();
