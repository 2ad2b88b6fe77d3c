// The tree of files: all paths are known here, and only the rows in view are drawn, so that 5,000 files are as quick as 50.
import { one } from "../dom.js";
import { ask, config } from "./server.js";

const ROW = 24;
const SPARE = 12; // rows that are drawn above and below the view
const ICONS = {
  "file-code": "sql py sh js ts json r jinja html css", "file-cog": "yml yaml toml ini cfg", "file-text": "md txt rst log",
  "table-2": "csv tsv parquet", "file-archive": "zip gz tar", "file-image": "png jpg jpeg gif webp svg",
};
const ICON_OF = new Map(Object.entries(ICONS).flatMap(([icon, ends]) => ends.split(" ").map((end) => [end, icon])));

export const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);
export const folderOf = (path) => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export const iconOf = (path) => ICON_OF.get(path.split(".").pop().toLowerCase()) ?? "file";

const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
const kept = `workspace:${config.namespace}:folders`;

export class Tree {
  constructor(box, { onOpen, onPoint, onMenu, onKey, onMove, onUpload }) {
    Object.assign(this, { box, onOpen, onPoint, onMenu, onKey, onMove, onUpload });
    this.files = [];
    this.known = new Set();
    this.folders = new Map();
    this.marks = {};
    this.unsaved = new Set();
    this.open = new Set(JSON.parse(localStorage.getItem(kept) ?? "[]"));
    this.rows = [];
    this.at = "";
    this.current = "";
    this.drawn = new Map();
    this.inner = document.createElement("div");
    this.inner.setAttribute("role", "none");
    this.inner.className = "work-rows";
    box.replaceChildren(this.inner);
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
    box.addEventListener("click", (event) => this.clicked(event));
    box.addEventListener("pointerover", (event) => this.pointed(this.rowOf(event)));
    box.addEventListener("keydown", (event) => this.pressed(event));
    box.addEventListener("contextmenu", (event) => this.menu(event));
    this.dragging();
  }

  async load() {
    const { paths } = await ask("paths");
    const folders = new Map([["", { folders: [], files: [] }]]);
    const enter = (path) => {
      const known = folders.get(path);
      if (known) return known;
      const made = { folders: [], files: [] };
      folders.set(path, made);
      enter(folderOf(path)).folders.push(path);
      return made;
    };
    const files = [];
    for (const [path, size] of paths) {
      if (path.endsWith("/")) enter(path.slice(0, -1));
      else {
        enter(folderOf(path)).files.push({ path, size });
        files.push(path);
      }
    }
    for (const inside of folders.values()) {
      inside.folders.sort((a, b) => order(nameOf(a), nameOf(b)));
      inside.files.sort((a, b) => order(nameOf(a.path), nameOf(b.path)));
    }
    this.folders = folders;
    this.files = files;
    this.known = new Set(files);
    if (!this.open.size) for (const path of this.first()) this.open.add(path);
    this.flatten();
    this.box.setAttribute("aria-busy", "false");
  }

  // What is open when somebody comes for the first time: folders that stand alone, and the models of a project.
  first() {
    const found = [];
    let path = "";
    for (let inside = this.folders.get(path); inside?.folders.length === 1 && inside.files.length < 3; inside = this.folders.get(path)) found.push((path = inside.folders[0]));
    const models = path ? `${path}/models` : "models";
    return this.folders.has(models) ? [...found, models] : found;
  }

  flatten() {
    const rows = [];
    const add = (path, level) => {
      const inside = this.folders.get(path);
      if (!inside) return;
      const all = inside.folders.length + inside.files.length;
      inside.folders.forEach((folder, index) => {
        rows.push({ path: folder, folder: true, level, index: index + 1, all });
        if (this.open.has(folder)) add(folder, level + 1);
      });
      inside.files.forEach((file, index) => rows.push({ path: file.path, size: file.size, level, index: inside.folders.length + index + 1, all }));
    };
    add("", 1);
    this.rows = rows;
    this.place = new Map(rows.map((row, index) => [row.path, index]));
    this.inner.style.setProperty("height", `${rows.length * ROW}px`);
    for (const element of this.drawn.values()) element.remove();
    this.drawn.clear();
    this.counts = this.counted();
    this.draw();
  }

  // How many changed files lie below each folder.
  counted() {
    const found = new Map();
    for (const path of Object.keys(this.marks)) {
      for (let folder = folderOf(path); folder; folder = folderOf(folder)) found.set(folder, (found.get(folder) ?? 0) + 1);
    }
    return found;
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const last = Math.min(this.rows.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + SPARE);
    for (const [index, element] of this.drawn) {
      if (index < first || index >= last) {
        element.remove();
        this.drawn.delete(index);
      }
    }
    const fresh = document.createDocumentFragment();
    for (let index = first; index < last; index += 1) {
      if (!this.drawn.has(index)) {
        const element = this.row(this.rows[index], index);
        this.drawn.set(index, element);
        fresh.append(element);
      }
    }
    this.inner.append(fresh);
    const active = this.place?.get(this.at);
    if (active !== undefined && this.drawn.has(active)) this.box.setAttribute("aria-activedescendant", `tree-${active}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(row, index) {
    const element = one("#tree-row").content.firstElementChild.cloneNode(true);
    element.id = `tree-${index}`;
    element.dataset.path = row.path;
    element.title = row.path;
    element.draggable = config.may_write;
    element.style.setProperty("top", `${index * ROW}px`);
    element.style.setProperty("padding-inline-start", `${0.25 + (row.level - 1) * 0.875}rem`);
    element.setAttribute("aria-level", row.level);
    element.setAttribute("aria-posinset", row.index);
    element.setAttribute("aria-setsize", row.all);
    element.setAttribute("aria-selected", String(row.path === this.current));
    element.toggleAttribute("data-at", row.path === this.at);
    if (row.folder) element.setAttribute("aria-expanded", String(this.open.has(row.path)));
    const [arrow, icon] = element.querySelectorAll("use");
    if (!row.folder) arrow.closest("svg").classList.add("work-no-arrow");
    icon.setAttribute("href", icon.getAttribute("href").replace(/#.*/, `#${row.folder ? "folder" : iconOf(row.path)}`));
    one("[data-name]", element).textContent = nameOf(row.path);
    this.mark(row, element);
    return element;
  }

  mark(row, element) {
    const mark = one(".mark", element);
    const letter = row.folder ? (this.counts.get(row.path) ? "M" : "") : this.marks[row.path] ?? "";
    mark.hidden = !letter;
    if (letter) {
      mark.dataset.git = letter;
      mark.textContent = row.folder ? this.counts.get(row.path) : letter;
      mark.title = row.folder ? `${this.counts.get(row.path)} changed inside` : { M: "Changed", A: "New", D: "Deleted", U: "New", R: "Renamed" }[letter] ?? letter;
    }
    one(".unsaved", element).hidden = !this.unsaved.has(row.path);
  }

  again() {
    this.counts = this.counted();
    for (const [index, element] of this.drawn) {
      this.mark(this.rows[index], element);
      element.setAttribute("aria-selected", String(this.rows[index].path === this.current));
      element.toggleAttribute("data-at", this.rows[index].path === this.at);
    }
    this.draw();
  }

  setMarks(marks) { this.marks = marks; this.again(); }
  setUnsaved(path, yes) {
    if (yes === this.unsaved.has(path)) return;
    if (yes) this.unsaved.add(path);
    else this.unsaved.delete(path);
    this.again();
  }

  // Show where a file is, with the folders above it open.
  reveal(path) {
    this.current = path;
    this.at = path;
    let opened = false;
    for (let folder = folderOf(path); folder; folder = folderOf(folder)) {
      if (!this.open.has(folder)) opened = Boolean(this.open.add(folder));
    }
    if (opened) this.toggled();
    else this.again();
    this.into(this.place.get(path));
  }

  into(index) {
    if (index === undefined) return;
    const top = index * ROW;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + ROW - this.box.clientHeight;
  }

  toggle(path, open = !this.open.has(path)) {
    if (open) this.open.add(path);
    else this.open.delete(path);
    this.toggled();
  }

  toggled() {
    localStorage.setItem(kept, JSON.stringify([...this.open].slice(-300)));
    this.flatten();
  }

  fold() {
    this.open.clear();
    this.toggled();
  }

  pointed(row) {
    if (row && !row.folder) this.onPoint(row.path);
  }

  choose(index) {
    const row = this.rows[Math.min(Math.max(index, 0), this.rows.length - 1)];
    if (!row) return;
    this.at = row.path;
    this.into(this.place.get(row.path));
    this.pointed(row);
    this.again();
  }

  act(row, pinned) {
    if (row.folder) this.toggle(row.path);
    else this.onOpen(row.path, pinned);
  }

  rowOf(event) {
    const element = event.target instanceof Element ? event.target.closest("[data-path]") : null;
    return element ? this.rows[this.place.get(element.dataset.path)] : null;
  }

  clicked(event) {
    const row = this.rowOf(event);
    if (!row) return;
    this.at = row.path;
    this.again();
    this.act(row, true);
  }

  menu(event) {
    const row = this.rowOf(event);
    if (!config.may_write && !row) return;
    event.preventDefault();
    if (row) {
      this.at = row.path;
      this.again();
    }
    this.onMenu(row ?? null, event.clientX, event.clientY);
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const index = this.place.get(this.at) ?? -1;
    const row = this.rows[index];
    const keys = {
      ArrowDown: () => this.choose(index + 1),
      ArrowUp: () => this.choose(index - 1),
      Home: () => this.choose(0),
      End: () => this.choose(this.rows.length - 1),
      PageDown: () => this.choose(index + Math.floor(this.box.clientHeight / ROW)),
      PageUp: () => this.choose(index - Math.floor(this.box.clientHeight / ROW)),
      ArrowRight: () => row?.folder && (this.open.has(row.path) ? this.choose(index + 1) : this.toggle(row.path, true)),
      ArrowLeft: () => row && (row.folder && this.open.has(row.path) ? this.toggle(row.path, false) : this.choose(this.place.get(folderOf(row.path)) ?? index)),
      Enter: () => row && this.act(row, true),
      " ": () => row && this.act(row, true),
      F2: () => row && this.onKey("rename", row),
      Delete: () => row && this.onKey("delete", row),
      ContextMenu: () => row && this.belowRow(row),
    };
    const key = event.key === "F10" && event.shiftKey ? "ContextMenu" : event.key;
    if (keys[key]) {
      keys[key]();
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key.length === 1 && event.key !== "?" && event.key !== "[" && event.key !== "/") {
      const letter = event.key.toLowerCase();
      const after = [...this.rows.slice(index + 1), ...this.rows.slice(0, index + 1)].find((one) => nameOf(one.path).toLowerCase().startsWith(letter));
      if (after) this.choose(this.place.get(after.path));
      event.preventDefault();
      event.stopPropagation();
    }
  }

  belowRow(row) {
    const box = this.drawn.get(this.place.get(row.path))?.getBoundingClientRect();
    if (box) this.onMenu(row, box.left + 24, box.bottom);
  }

  // Rows are dragged into folders; files from outside are uploaded where they are dropped.
  dragging() {
    if (!config.may_write) return;
    const folderAt = (event) => {
      const row = this.rowOf(event);
      return row ? (row.folder ? row.path : folderOf(row.path)) : "";
    };
    const show = (folder) => {
      this.box.toggleAttribute("data-dropping", folder !== null);
      for (const [index, element] of this.drawn) element.toggleAttribute("data-drop", folder !== null && folder !== "" && (this.rows[index].path === folder || this.rows[index].path.startsWith(`${folder}/`)));
    };
    this.box.addEventListener("dragstart", (event) => {
      const row = this.rowOf(event);
      if (row) event.dataTransfer.setData("application/x-kestra-path", row.path);
    });
    this.box.addEventListener("dragover", (event) => {
      event.preventDefault();
      show(folderAt(event));
    });
    this.box.addEventListener("dragleave", (event) => !this.box.contains(event.relatedTarget) && show(null));
    this.box.addEventListener("drop", (event) => {
      event.preventDefault();
      const folder = folderAt(event);
      show(null);
      const path = event.dataTransfer.getData("application/x-kestra-path");
      if (path) {
        const to = folder ? `${folder}/${nameOf(path)}` : nameOf(path);
        if (to !== path) this.onMove(path, to);
      } else this.onUpload(event.dataTransfer, folder);
    });
  }
}
