// Find and replace in files: the server looks, the left pane shows what it found; also the place where the uses of a name are listed.
import { all, on, one } from "../dom.js";
import { command } from "./commands.js";
import { ask } from "./server.js";
import { folderOf, nameOf } from "./tree.js";

const WAIT = 200;
let workspace, form, box, note, last = [];
let asked = 0;
let timer = null;

const how = (name) => one(`[data-how=${name}]`, form).getAttribute("aria-pressed") === "true";

// files: [{path, lines: [{line, column, text, start, end}]}]; start and end of what was found in the text.
export function showFound(files, text) {
  last = files;
  note.textContent = text;
  box.replaceChildren(...files.map((file) => {
    const element = one("#work-found-file").content.firstElementChild.cloneNode(true);
    one("[data-name]", element).textContent = nameOf(file.path);
    one("[data-folder]", element).textContent = folderOf(file.path);
    one(".count", element).textContent = file.lines.length;
    one("ul", element).append(...file.lines.map((line) => row(file.path, line)));
    return element;
  }));
}

function row(path, line) {
  const element = one("#work-found-line").content.firstElementChild.cloneNode(true);
  const button = one("button", element);
  Object.assign(button.dataset, { path, line: line.line, column: line.column });
  one("[data-number]", element).textContent = line.line;
  const lead = Math.max(0, Math.min(line.start - 24, line.text.length));
  const mark = document.createElement("mark");
  mark.textContent = line.text.slice(line.start, line.end);
  one("[data-text]", element).append(lead ? "…" : "", line.text.slice(lead, line.start).trimStart(), mark, line.text.slice(line.end));
  return element;
}

async function find() {
  const number = ++asked;
  const query = form.elements.q.value;
  const replace = one("[data-replace-all]", form);
  if (replace) replace.hidden = true;
  if (!query) return showFound([], "");
  try {
    const options = Object.fromEntries(["case", "words", "regex"].filter(how).map((name) => [name, "1"]));
    const { files, more } = await ask("search/contents", { query: { q: query, only: form.elements.only.value, ...options } });
    if (number !== asked) return undefined;
    const lines = files.reduce((sum, file) => sum + file.lines.length, 0);
    const text = lines ? `${lines} ${lines === 1 ? "line" : "lines"} in ${files.length} ${files.length === 1 ? "file" : "files"}${more ? ", and more" : ""}` : "Nothing found";
    showFound(files, text);
    if (replace) replace.hidden = !lines || more;
  } catch (error) {
    if (number === asked) showFound([], error.message);
  }
  return undefined;
}

function pattern() {
  const text = form.elements.q.value;
  const plain = how("regex") ? text : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(how("words") ? `\\b(?:${plain})\\b` : plain, how("case") ? "gm" : "gim");
}

// Every file is changed in its tab, so that one can look at it and undo it; it is saved where nothing else was typed in it.
async function replaceAll() {
  const by = form.elements.to.value;
  let wanted;
  try {
    wanted = pattern();
  } catch {
    note.textContent = "This expression cannot be used to replace.";
    return;
  }
  const files = last.map((file) => file.path);
  const count = last.reduce((sum, file) => sum + file.lines.length, 0);
  const agreed = await workspace.agree({ title: `Replace in ${files.length} ${files.length === 1 ? "file" : "files"}?`, text: `${count} ${count === 1 ? "line changes" : "lines change"}. The files are saved; their history keeps what they were.`, action: "Replace", kind: "primary" });
  if (!agreed) return;
  let done = 0;
  for (const path of files) {
    const document = workspace.documentOf(path);
    await document.load();
    if (!document.isText) continue;
    document.replace(document.text.replace(wanted, how("regex") ? by : () => by));
    const answer = await workspace.save(document);
    if (answer && answer.state !== "conflict") done += 1;
  }
  workspace.toast(`Replaced in ${done} of ${files.length} ${files.length === 1 ? "file" : "files"}`);
  await find();
}

export function startFinding(made) {
  workspace = made;
  form = one("[data-find]");
  box = one("[data-found]");
  note = one("[data-find-note]", form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void find();
  });
  form.addEventListener("input", (event) => {
    if (event.target.name === "to") return;
    clearTimeout(timer);
    timer = setTimeout(find, WAIT);
  });
  on("click", "[data-how]", (event, button) => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    void find();
  });
  on("click", "[data-replace-all]", () => void replaceAll());
  on("click", "[data-found] button", (event, button) => void workspace.open(button.dataset.path, { line: Number(button.dataset.line), column: Number(button.dataset.column) }));
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = all("summary, button", box).filter((item) => item.offsetParent !== null);
    items.at((items.indexOf(document.activeElement) + step + items.length) % items.length)?.focus();
  });
  form.elements.q.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    one("button", box)?.focus();
  });
  command("find-in-files", "Find in files", () => {
    const view = workspace.current().view;
    const chosen = view && document.activeElement?.closest(".cm-editor") ? view.state.sliceDoc(view.state.selection.main.from, view.state.selection.main.to) : "";
    workspace.showSide("search");
    const field = form.elements.q;
    if (chosen && !chosen.includes("\n")) {
      field.value = chosen;
      void find();
    }
    field.focus();
    field.select();
  }, { key: "Mod-Shift-f", icon: "search" });
}
