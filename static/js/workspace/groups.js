// One side of the middle: its tabs, and the editor that shows the chosen one. There are two sides when the middle is split.
import { all, one } from "../dom.js";
import { isReadable, reading } from "./reading.js";
import { address, config } from "./server.js";
import { iconOf, nameOf } from "./tree.js";

export class Group {
  constructor({ bundle, isModel, onShow, onClose, onFocus, onMove }) {
    Object.assign(this, { bundle, isModel, onShow, onClose, onFocus, onMove });
    this.documents = [];
    this.active = null;
    this.view = null;
    this.element = one("#work-group").content.firstElementChild.cloneNode(true);
    this.strip = one("[role=tablist]", this.element);
    this.place = one("[data-editor]", this.element);
    this.other = one("[data-other]", this.element);
    this.element.addEventListener("focusin", () => this.onFocus(this));
    this.element.addEventListener("pointerdown", () => this.onFocus(this));
    this.strip.addEventListener("click", (event) => this.clicked(event));
    this.strip.addEventListener("auxclick", (event) => event.button === 1 && this.closed(event));
    this.strip.addEventListener("keydown", (event) => this.pressed(event));
    this.strip.addEventListener("wheel", (event) => { this.strip.scrollLeft += event.deltaY; }, { passive: true });
    this.strip.addEventListener("dragstart", (event) => {
      const tab = event.target.closest?.("[role=tab]");
      if (tab) event.dataTransfer.setData("application/x-kestra-tab", tab.dataset.path);
    });
    this.element.addEventListener("dragover", (event) => event.dataTransfer.types.includes("application/x-kestra-tab") && event.preventDefault());
    this.element.addEventListener("drop", (event) => {
      const path = event.dataTransfer.getData("application/x-kestra-tab");
      if (!path) return;
      event.preventDefault();
      const before = event.target.closest?.("[role=tab]")?.dataset.path;
      this.onMove(path, this, before);
    });
  }

  find(path) { return this.documents.find((document) => document.path === path); }

  add(document, before = null) {
    if (this.documents.includes(document)) this.documents.splice(this.documents.indexOf(document), 1);
    const at = before ? this.documents.findIndex((other) => other.path === before) : this.active ? this.documents.indexOf(this.active) + 1 : this.documents.length;
    this.documents.splice(at < 0 ? this.documents.length : at, 0, document);
    this.draw();
  }

  remove(document) {
    const at = this.documents.indexOf(document);
    this.documents.splice(at, 1);
    if (this.active === document) {
      this.leave();
      this.active = null;
      const next = this.documents[Math.min(at, this.documents.length - 1)] ?? null;
      if (next) void this.show(next);
      else this.empty();
    }
    this.draw();
  }

  draw() {
    const tabs = this.documents.map((document) => this.tab(document));
    const had = this.strip.contains(window.document.activeElement);
    this.strip.replaceChildren(...tabs);
    const chosen = tabs[this.documents.indexOf(this.active)];
    chosen?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (had) chosen?.focus();
    this.bar();
  }

  tab(document) {
    const tab = one("#work-tab").content.firstElementChild.cloneNode(true);
    const active = document === this.active;
    tab.dataset.path = document.path;
    tab.title = document.path;
    tab.setAttribute("aria-selected", String(active));
    tab.tabIndex = active ? 0 : -1;
    const icon = one("use", tab);
    icon.setAttribute("href", icon.getAttribute("href").replace(/#.*/, `#${iconOf(document.path)}`));
    const twin = this.documents.some((other) => other !== document && nameOf(other.path) === nameOf(document.path));
    one("[data-name]", tab).textContent = nameOf(document.path);
    one("[data-folder]", tab).textContent = twin ? nameOf(document.path.slice(0, document.path.lastIndexOf("/"))) : "";
    this.state(document, tab);
    return tab;
  }

  state(document, tab = all("[role=tab]", this.strip).find((one) => one.dataset.path === document.path)) {
    if (!tab) return;
    tab.toggleAttribute("data-unsaved", document.dirty || document.pending === true);
    tab.toggleAttribute("data-clash", Boolean(document.clash));
    const said = document.clash ? ", conflict" : document.dirty || document.pending ? ", not saved" : "";
    tab.setAttribute("aria-label", `${nameOf(document.path)}${said}`);
    if (document === this.active) this.bar();
  }

  // The bar says where the file is, and offers what can be done with it.
  bar() {
    const document = this.active;
    const bar = one("[data-bar]", this.element);
    bar.hidden = !document;
    if (!document) return;
    const path = one("[data-path-text]", bar);
    path.textContent = document.path.split("/").join(" / ");
    path.title = document.path;
    const end = document.path.split(".").pop().toLowerCase();
    bar.dataset.kind = document.isText ? end : "";
    const save = one("[data-run=save]", bar);
    save.hidden = !config.may_write || !document.isText;
    save.toggleAttribute("data-dirty", document.dirty);
    one("[data-save-note]", bar).textContent = document.trouble ? "Not kept" : document.saving && document.busy ? "Saving" : document.dirty ? (document.kept === document.state?.doc ? "Draft kept" : "") : "";
    one("[data-save-note]", bar).title = document.trouble || "What you type is kept on the server until you save it";
    const read = one("[data-run=reading]", bar);
    read.hidden = !document.isText || !isReadable(document.path);
    read.setAttribute("aria-pressed", String(document.reading === true));
    this.acts(bar, document, end);
    one("[data-run=download]", bar).hidden = document.isNew;
  }

  // What can be done with files of a dbt project is offered for them alone.
  acts(bar, document, end) {
    const known = document.isText && this.isModel(document);
    for (const act of all("[data-only]", bar)) act.hidden = !known || !act.dataset.only.split(" ").includes(end);
  }

  async show(document, { focus = false } = {}) {
    const held = window.document.activeElement;
    if (this.active !== document) {
      this.leave();
      this.active = document;
      this.draw();
      const waiting = setTimeout(() => this.wait(), 200);
      try {
        await document.load();
      } catch (error) {
        if (this.active === document) this.fail(document, error);
        return;
      } finally {
        clearTimeout(waiting);
      }
      if (this.active !== document) return;
      document.pending = false;
      this.present(document);
    }
    const now = window.document.activeElement;
    if (focus && (now === held || now === window.document.body || this.element.contains(now))) this.focus(); // nobody who has gone on is called back
    this.onShow(document, this);
  }

  present(document) {
    if (!document.isText) {
      this.different(document);
      this.draw();
      return;
    }
    if (document.reading) {
      this.insteadOf(reading(document.path, document.text), "reading");
      this.draw();
      return;
    }
    this.other.hidden = true;
    this.place.hidden = false;
    if (this.view) this.view.setState(document.state);
    else this.view = this.bundle.open(this.place, document.state);
    document.view = this.view;
    if (document.snapshot) this.view.dispatch({ effects: document.snapshot });
    this.draw();
  }

  leave() {
    const document = this.active;
    if (!document?.view) return;
    document.snapshot = this.view.scrollSnapshot();
    document.state = this.view.state;
    document.view = null;
  }

  focus() {
    if (!this.place.hidden && this.view) this.view.focus();
    else one("a, button, img, [tabindex]", this.other)?.focus();
  }

  // The same file, as it is read or as it is typed.
  turn() {
    const document = this.active;
    this.leave();
    document.reading = !document.reading;
    this.present(document);
    this.focus();
  }

  wait() {
    this.place.hidden = true;
    this.other.hidden = false;
    this.other.replaceChildren(one("#work-waiting").content.cloneNode(true));
  }

  fail(document, error) {
    const box = one("#work-none").content.cloneNode(true);
    one("h2", box).textContent = error.status === 404 ? "This file is not here any more" : "The file cannot be opened";
    one("p", box).textContent = error.message;
    one(".actions", box).remove();
    this.insteadOf(box);
  }

  different(document) {
    const url = String(address("download", { path: document.path }));
    if (document.kind === "picture") {
      const picture = window.document.createElement("img");
      Object.assign(picture, { src: url, alt: nameOf(document.path) });
      this.insteadOf(picture, "picture");
      return;
    }
    const box = one("#work-none").content.cloneNode(true);
    one("h2", box).textContent = document.kind === "large" ? "Too large to edit here" : "Not a text";
    one("p", box).textContent = `${nameOf(document.path)} has ${new Intl.NumberFormat("en").format(document.size)} bytes. Download it, or upload another one in its place.`;
    one("a", box).href = url;
    this.insteadOf(box);
  }

  insteadOf(content, kind = "") {
    this.place.hidden = true;
    this.other.hidden = false;
    this.other.dataset.kind = kind;
    this.other.replaceChildren(content);
  }

  empty() {
    this.place.hidden = true;
    this.other.hidden = false;
    this.other.dataset.kind = "";
    this.other.replaceChildren(one("#work-start").content.cloneNode(true));
    this.onShow(null, this);
  }

  closed(event) {
    const tab = event.target.closest("[role=tab]");
    if (tab) this.onClose(this.find(tab.dataset.path), this);
  }

  clicked(event) {
    const tab = event.target.closest("[role=tab]");
    if (!tab) return;
    if (event.target.closest("[data-close]")) this.onClose(this.find(tab.dataset.path), this);
    else void this.show(this.find(tab.dataset.path), { focus: event.detail > 0 });
  }

  step(by) {
    if (!this.documents.length) return;
    const at = this.documents.indexOf(this.active);
    void this.show(this.documents.at((at + by) % this.documents.length), { focus: !this.strip.contains(document.activeElement) });
  }

  pressed(event) {
    const keys = { ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1), Delete: () => this.active && this.onClose(this.active, this), Enter: () => this.focus(), " ": () => this.focus() };
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }
}
