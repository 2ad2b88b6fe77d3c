// The flow editor: checks while typing, marks problems, saves with Ctrl S, shows the docs of the task under the cursor.
import { all, on, one, post } from "./dom.js";
import { ask } from "./dialogs.js";
import { toast } from "./toasts.js";
import { attach } from "./topology.js";

const root = one("[data-flow-editor]");
const source = one("#flow-source");
const form = one("#flow-form");
const note = one("#save-note");
const saveButton = one("#save-flow");
let editor = null;
let saved = source.value;
let errors = 0;
let checking = 0;
let saving = false;

const changed = () => source.value !== saved;

function tellState() {
  if (!note) return;
  note.textContent = errors ? `${errors} ${errors === 1 ? "problem" : "problems"} to solve before saving` : saving ? "Saving" : changed() ? "Not saved yet" : "";
  saveButton.setAttribute("aria-disabled", String(errors > 0 || saving));
}

function show(problems, milliseconds) {
  errors = problems.filter((problem) => (problem.severity ?? "error") === "error").length;
  const list = one("#problems .problems");
  list.replaceChildren(...problems.map(row));
  const count = one("[data-problem-count]");
  count.textContent = problems.length;
  if (errors) count.dataset.state = "FAILED"; else delete count.dataset.state;
  one("[data-checked]").textContent = milliseconds === undefined ? "" : `checked in ${milliseconds} ms`;
  editor?.problems(problems);
  tellState();
}

function row(problem) {
  const warning = problem.severity && problem.severity !== "error";
  const item = one(warning ? "#warning-row" : "#problem-row").content.firstElementChild.cloneNode(true);
  item.dataset.state = warning ? "WARN" : "ERROR";
  const [text, where] = all("span", item);
  text.textContent = problem.message;
  where.textContent = problem.line ? `${problem.line}:${problem.column ?? 1}` : "";
  one("a", item).addEventListener("click", (event) => { event.preventDefault(); editor?.goTo(problem.line ?? 1, problem.column ?? 1); });
  const fix = one("button", item);
  if (fix && problem.fix && problem.line) {
    fix.hidden = false;
    fix.addEventListener("click", () => mend(problem));
  }
  return item;
}

// Put the known word in place of the unknown one, where the problem is.
function mend({ line, fix }) {
  const lines = source.value.split("\n");
  lines[line - 1] = lines[line - 1].replace(fix.replace, fix.with);
  if (editor) editor.replace(lines.join("\n")); else source.value = lines.join("\n");
  editor?.goTo(line);
}

async function check() {
  const mine = ++checking;
  try {
    const answer = await post(root.dataset.validate, { source: source.value });
    if (mine === checking && answer.ok) {
      const found = await answer.json();
      show(found.problems, found.milliseconds);
      draw();
    }
  } catch {
    one("[data-checked]").textContent = "could not be checked: no connection";
  }
}

let timer = null;
function typed() {
  tellState();
  clearTimeout(timer);
  timer = setTimeout(check, 300);
}

async function save(overwrite = false) {
  if (!saveButton || saving) return;
  saving = true;
  tellState();
  const fields = Object.fromEntries(new FormData(form));
  if (overwrite) fields.overwrite = "yes";
  try {
    const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(fields), credentials: "same-origin" });
    saving = false;
    const body = await answer.json();
    if (answer.ok) await keep(body, fields.source);
    else if (body.conflict) await conflict(body);
    else if (body.problems) show(body.problems);
    else note.textContent = body.message ?? "Not saved";
  } catch {
    saving = false;
    note.textContent = "Not saved: no connection. Your text is kept here; try again.";
    return;
  }
  tellState();
}

async function keep(body, text) {
  saved = text;
  const field = one("[name=revision]", form);
  if (body.created || !field) { window.location.assign(body.url); return; }
  field.value = body.revision;
  one("#revision-number").textContent = body.revision;
  show([]);
  toast(`Saved as revision ${body.revision}`);
}

async function conflict(body) {
  const replace = await ask({ title: "Saved by someone else meanwhile", text: body.conflict, action: "Replace theirs", kind: "danger" });
  if (replace) { one("[name=revision]", form).value = body.revision; await save(true); }
}

async function format() {
  const answer = await post(root.dataset.format, { source: source.value });
  const body = await answer.json();
  if (body.source === null) note.textContent = "Not formatted: this is no YAML yet";
  else if (body.source !== source.value) editor ? editor.replace(body.source) : (source.value = body.source);
}

let shownDocs = "";
let docsTimer = null;
function docs({ line, column, text }) {
  clearTimeout(docsTimer);
  docsTimer = setTimeout(async () => {
    const { typeAt } = await import(root.dataset.bundle);
    const found = typeAt(text, line, column);
    if (!found) return;
    const near = /^\s*(?:- )*([\w$-]+)\s*:/.exec(text.split("\n")[line - 1] ?? "")?.[1] ?? "";
    const wanted = `${found.type} ${near}`;
    if (wanted === shownDocs) return;
    shownDocs = wanted;
    const url = `${root.dataset.docs.replace("TYPE", encodeURIComponent(found.type))}?near=${encodeURIComponent(near)}`;
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    if (!answer.ok) return;
    const pane = one("#task-docs");
    pane.innerHTML = await answer.text();
    one(".near", pane)?.scrollIntoView({ block: "nearest" });
  }, 200);
}

async function start() {
  const { mount } = await import(root.dataset.bundle);
  const readOnly = "readOnly" in root.dataset;
  editor = mount(source, {
    language: "yaml", label: "Flow source", readOnly, help: fetch(root.dataset.schema, { credentials: "same-origin" }).then((answer) => (answer.ok ? answer.json() : null)),
    onChange: typed, onCursor: docs, onSave: () => save(), onFormat: format, onExecute: root.dataset.execute ? () => window.location.assign(root.dataset.execute) : undefined,
  });
  const line = /^#L(\d+)$/.exec(window.location.hash);
  if (line) editor.goTo(Number(line[1]));
}

form.addEventListener("submit", (event) => { event.preventDefault(); save(); });
on("click", "[data-format-source]", format);
// Beside the source stands the documentation, the picture, or nothing.
function beside(what) {
  root.toggleAttribute("data-docs-hidden", !what);
  root.toggleAttribute("data-picture", what === "picture");
  one("#task-docs").hidden = what !== "docs";
  one("#flow-picture").hidden = what !== "picture";
  one("[data-docs-toggle]").setAttribute("aria-pressed", String(what === "docs"));
  one("[data-picture-toggle]").setAttribute("aria-pressed", String(what === "picture"));
  if (what === "picture") draw();
}

let drawn = 0;
async function draw() {
  const pane = one("#flow-picture");
  if (pane.hidden) return;
  const mine = ++drawn;
  const answer = await post(root.dataset.draw, { source: source.value });
  if (!answer.ok || mine !== drawn) return;
  pane.innerHTML = await answer.text();
  attach(pane);
}

// A node leads to its task in the source.
on("click", "#flow-picture a[data-node]", (event, link) => {
  event.preventDefault();
  const id = link.dataset.node.split(".").pop().replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const line = source.value.split("\n").findIndex((text) => new RegExp(`(^|[\\s{,-])id:\\s*["']?${id}["']?\\s*([,}#]|$)`).test(text));
  if (line >= 0) editor?.goTo(line + 1);
});
on("click", "[data-docs-toggle]", (event, button) => beside(button.getAttribute("aria-pressed") === "true" ? "" : "docs"));
on("click", "[data-picture-toggle]", (event, button) => beside(button.getAttribute("aria-pressed") === "true" ? "" : "picture"));
window.addEventListener("beforeunload", (event) => { if (changed() && saveButton) event.preventDefault(); });
source.addEventListener("input", typed);
tellState();
check();
start().catch(() => { source.hidden = false; });
