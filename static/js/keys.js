// Keys that work everywhere. Single keys never fire in fields or dialogs, and the user can turn them off.
import { all, isDialogOpen, isTyping, on, one } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { toggleNav } from "./nav.js";

const PLACES = { h: "Home", f: "Flows", e: "Executions", n: "Namespaces", l: "Lineage", d: "Workspace" };
const single = new Map();
let first = "";

// A page adds its own key: key("e", "Next error", () => …). It is listed under `?`.
export function key(name, label, action) {
  single.set(name, action);
  const list = one("#keys .keys");
  if (!list || !label) return;
  const row = document.createElement("li");
  const cap = document.createElement("kbd");
  cap.textContent = name;
  row.append(`${label} `, cap);
  list.append(row);
}

export const singleKeysOn = () => document.body.dataset.singleKeys !== "off";

// Lists: j and k move over [data-row] elements, Enter opens the first link, x presses the row's checkbox.
function rows() {
  return all("[data-row]").filter((row) => row.offsetParent !== null);
}

function moveRow(step) {
  const list = rows();
  if (!list.length) return;
  const now = list.findIndex((row) => row.contains(document.activeElement));
  const next = list[Math.min(Math.max(now + step, 0), list.length - 1)];
  const target = one("a", next) ?? one("button, input", next) ?? next;
  target.focus();
  next.scrollIntoView({ block: "nearest" });
}

export function currentRow() {
  return document.activeElement?.closest("[data-row]") ?? null;
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isDialogOpen()) return;
  if (event.key === "Escape") {
    one("[data-pane-close]")?.click();
    return;
  }
  if (!singleKeysOn()) return;
  if (first === "g") {
    first = "";
    const place = PLACES[event.key] && one(`#nav a[title="${PLACES[event.key]}"]`);
    if (place) {
      event.preventDefault();
      place.click();
    }
    return;
  }
  const action = single.get(event.key);
  if (action) {
    event.preventDefault();
    action(event);
  }
}

export function startKeys() {
  single.set("g", () => {
    first = "g";
    setTimeout(() => (first = ""), 1200);
  });
  single.set("?", () => openDialog(one("#keys")));
  single.set("[", toggleNav);
  single.set("/", () => {
    const field = one("[data-filter], .page input[type=search]");
    field?.focus();
    field?.select?.();
  });
  single.set("j", () => moveRow(1));
  single.set("k", () => moveRow(-1));
  single.set("x", () => one("input[type=checkbox]", currentRow() ?? undefined)?.click());
  on("click", "[data-keys-open]", () => {
    one("#account-menu")?.hidePopover?.();
    openDialog(one("#keys"));
  });
  document.addEventListener("keydown", pressed);
}
