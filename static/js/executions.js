// The list of executions: rows change in place, new ones wait behind "3 new".
import { boxes } from "./choosing.js";
import { all, gather, on, one } from "./dom.js";
import "./filters.js";
import { connect } from "./live.js";
import { key } from "./keys.js";

const ENDED = new Set(["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"]);
const list = () => one("#execution-list");
const fresh = new Set();
const changed = new Set();
const maker = document.createElement("template");

// --- filters ------------------------------------------------------------------------------------------------------------------

// What the form says in its own words after a change: the list comes from the server, the form stays so that focus stays in it.
function showFilters() {
  const form = one("#execution-filters");
  if (!form) return;
  for (const filter of all("label.filter", form)) filter.toggleAttribute("data-set", Boolean(one("select, input", filter).value));
  const states = all('input[name="state"]:checked', form);
  const button = one("[data-state-filter]", form);
  button.toggleAttribute("data-set", states.length > 0);
  const words = one("span", button);
  words.textContent = "State ";
  if (states.length) {
    const names = document.createElement("b");
    names.textContent = states.map((box) => box.closest("label").textContent.trim()).join(", ");
    words.append(names);
  }
  const some = states.length > 0 || all("select, input:not([type=checkbox])", form).some((field) => field.value);
  one("[data-clear-filters]", form).hidden = !some;
}
on("change", "#execution-filters", showFilters);
document.addEventListener("htmx:afterSwap", () => fresh.clear());

// --- live ---------------------------------------------------------------------------------------------------------------------

function showFresh() {
  const button = one("[data-new-rows]");
  if (!button) return;
  button.hidden = fresh.size === 0;
  one("span", button).textContent = `${fresh.size} new`;
}

const update = gather(async () => {
  const ids = [...changed];
  changed.clear();
  const query = new URLSearchParams(location.search);
  for (const id of ids.slice(0, 200)) query.append("id", id);
  const table = list();
  for (const name of ["flow", "namespace"]) if (table.dataset[name]) query.set(name, table.dataset[name]);
  const answer = await fetch(`${table.dataset.rowsUrl}?${query}`, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  maker.innerHTML = await answer.text();
  const came = new Map(all("tr", maker.content).map((row) => [row.id, row]));
  for (const id of ids) {
    const old = document.getElementById(`execution-${id}`);
    const next = came.get(`execution-${id}`);
    if (!next) continue; // no longer matches: it stays until the list is asked for again
    if (!old) {
      fresh.add(id);
      continue;
    }
    if (old.dataset.columns !== next.dataset.columns) return location.reload(); // other columns were chosen on another page
    if (old.contains(document.activeElement)) {
      const parts = [...next.children];
      [...old.children].forEach((cell, place) => !cell.contains(document.activeElement) && cell.replaceWith(parts[place]));
    } else {
      for (const box of all('input[name="id"]', next)) box.checked = one("input", old).checked;
      old.replaceWith(next);
    }
  }
  showFresh();
}, 400);

on("click", "[data-new-rows]", () => location.reload());

if (list()) {
  connect("/ws/home/", {
    on: {
      "executions.changed": (message) => {
        for (const id of message.ids) changed.add(id);
        update();
      },
    },
    onOpen: (again) => {
      if (again) location.reload();
      // What changed between the page and its socket: only those that had not ended can have.
      for (const row of all("#execution-rows tr")) if (!ENDED.has(row.dataset.stateName)) changed.add(row.dataset.id);
      if (changed.size) update();
    },
  });
  key("r", "Restart the chosen executions", () => {
    const focused = document.activeElement?.closest("[data-row]");
    if (focused && !boxes().some((box) => box.checked)) one("input", focused)?.click();
    one('[data-bulk]:not([hidden]) [data-bulk-action="restart"]')?.click();
  });
}
