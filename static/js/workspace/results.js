// The rows of a preview: pages of a hundred, sorted by the head that is pressed, with what the rows say of each column, and as CSV.
import { all, one } from "../dom.js";

const PAGE = 100;
const order = new Intl.Collator("en", { numeric: true }).compare;

function compare(a, b) {
  if (a === b) return 0;
  if (a === null) return 1; // what is missing comes last, whichever way one sorts
  if (b === null) return -1;
  return typeof a === "number" && typeof b === "number" ? a - b : order(text(a), text(b));
}

const text = (value) => (value === null ? "null" : typeof value === "object" ? JSON.stringify(value) : String(value));

export class Result {
  constructor({ columns, rows, profile, seconds }, about = {}) {
    Object.assign(this, { columns, rows, profile: profile ?? {}, seconds, ...about });
    this.sorted = rows;
    this.by = null;
    this.page = 0;
    this.size = PAGE;
    this.profiled = false;
  }

  get pages() { return Math.max(1, Math.ceil(this.rows.length / this.size)); }

  sort(index) {
    const down = this.by?.index === index && !this.by.down;
    const off = this.by?.index === index && this.by.down;
    this.by = off ? null : { index, down };
    this.sorted = off ? this.rows : [...this.rows].sort((a, b) => (a[index] === null || b[index] === null || !down ? compare(a[index], b[index]) : compare(b[index], a[index])));
    this.page = 0;
  }

  draw(box) {
    const table = document.createElement("table");
    table.className = "work-rows-table";
    table.setAttribute("aria-label", `${this.rows.length} rows`);
    const head = table.createTHead();
    const names = head.insertRow();
    names.append(element("td", { className: "number" }));
    this.columns.forEach((column, index) => {
      const cell = element("th", { scope: "col", className: column.type === "number" ? "num" : "" });
      if (this.by?.index === index) cell.setAttribute("aria-sort", this.by.down ? "descending" : "ascending");
      const button = element("button", { type: "button", title: "Sort" });
      button.append(column.name, column.type ? element("span", { textContent: ` ${column.type}` }) : "");
      button.addEventListener("click", () => {
        this.sort(index);
        this.draw(box);
        all("th button", box)[index].focus();
      });
      cell.append(button);
      names.append(cell);
    });
    if (this.profiled) head.append(this.profileRow());
    const body = table.createTBody();
    this.sorted.slice(this.page * this.size, (this.page + 1) * this.size).forEach((row, index) => {
      const line = body.insertRow();
      line.append(element("th", { scope: "row", className: "number", textContent: this.page * this.size + index + 1 }));
      row.forEach((value, at) => {
        const cell = line.insertCell();
        if (this.columns[at].type === "number") cell.className = "num";
        if (value === null) cell.append(element("i", { className: "muted", textContent: "null" }));
        else {
          const shown = text(value);
          cell.textContent = shown.length > 300 ? `${shown.slice(0, 300)}…` : shown;
          if (shown.length > 40) cell.title = shown;
        }
      });
    });
    box.replaceChildren(table);
    box.scrollTop = 0;
  }

  profileRow() {
    const row = element("tr", { className: "profile" });
    row.append(element("td", { className: "number" }));
    for (const column of this.columns) {
      const found = this.profile[column.name] ?? {};
      const cell = element("td", { className: column.type === "number" ? "num" : "" });
      cell.append(element("span", { textContent: `${found.nulls ?? 0} % null` }), element("span", { textContent: `${found.distinct ?? 0} distinct` }));
      if (found.min !== null && found.min !== undefined) cell.append(element("span", { textContent: `${text(found.min)} to ${text(found.max)}`, className: "cut" }));
      row.append(cell);
    }
    return row;
  }

  csv() {
    // A spreadsheet takes a cell that begins with one of these for a formula.
    const cell = (value) => {
      if (value === null) return "";
      const plain = text(value);
      const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
      return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    return [this.columns.map((column) => cell(column.name)), ...this.sorted.map((row) => row.map(cell))].map((row) => row.join(",")).join("\r\n") + "\r\n";
  }
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

export function saveAs(name, content, type = "text/csv") {
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// The buttons of the pane follow the result that is shown.
export function showPager(place, result) {
  const pager = one("[data-pager]", place);
  pager.hidden = result.pages < 2;
  one("[data-page-text]", pager).textContent = `${result.page * result.size + 1} to ${Math.min(result.rows.length, (result.page + 1) * result.size)}`;
  one("[data-run=profile]", place).setAttribute("aria-pressed", String(result.profiled));
}
