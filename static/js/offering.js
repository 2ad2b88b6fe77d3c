// A dialog with a field over a list: what is typed finds, arrows walk, Enter and a click take. Items: {title, hint, badge, icon, …}.
import { all, one } from "./dom.js";

export class Offer {
  // search(text): what is typed has changed; take(item, aside): one is taken, aside with Ctrl; point(item): one is pointed at.
  constructor(dialog, { search, take, point = () => {} }) {
    Object.assign(this, { dialog, search, take, point, found: [], chosen: 0 });
    this.field = one("input", dialog);
    this.list = one("[role=listbox]", dialog);
    this.row = one("template", dialog).content.firstElementChild;
    this.field.addEventListener("input", () => search(this.field.value));
    this.field.addEventListener("keydown", (event) => this.pressed(event));
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.go(Number(row.dataset.index), event);
    });
  }

  draw(items) {
    this.found = items;
    const sprite = one("use", this.row).getAttribute("href").split("#")[0];
    this.list.replaceChildren(...items.map((item, index) => this.drawn(item, index, sprite)));
    one(".palette-empty", this.dialog).hidden = items.length > 0;
    this.choose(0);
  }

  drawn(item, index, sprite) {
    const row = this.row.cloneNode(true);
    row.id = `${this.list.id}-${index}`;
    row.dataset.index = index;
    one("[data-palette-title]", row).textContent = item.title;
    one("[data-palette-hint]", row).textContent = item.hint ?? "";
    const badge = one("[data-palette-badge]", row);
    if (badge) Object.assign(badge, { textContent: item.badge ?? "", hidden: !item.badge });
    const icon = item.icon ?? "arrow-right";
    one("use", row).setAttribute("href", icon.includes("#") ? icon : `${sprite}#${icon}`);
    return row;
  }

  choose(index) {
    const { field, list, found } = this;
    if (!found.length) return field.removeAttribute("aria-activedescendant");
    this.chosen = (index + found.length) % found.length;
    const rows = all("[role=option]", list);
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === this.chosen)));
    field.setAttribute("aria-activedescendant", rows[this.chosen].id);
    rows[this.chosen].scrollIntoView({ block: "nearest" });
    return this.point(found[this.chosen]);
  }

  pressed(event) {
    if (event.key === "ArrowDown") this.choose(this.chosen + 1);
    else if (event.key === "ArrowUp") this.choose(this.chosen - 1);
    else if (event.key === "Enter") this.go(this.chosen, event);
    else return;
    event.preventDefault();
  }

  go(index, event) {
    const item = this.found[index];
    if (!item) return;
    this.dialog.close();
    this.take(item, event.ctrlKey || event.metaKey);
  }

  // Shown anew, with `text` in the field; `open` is what opens a dialog.
  show(open, text = "") {
    this.field.value = text;
    open(this.dialog);
    this.field.focus();
    this.search(text);
  }
}
