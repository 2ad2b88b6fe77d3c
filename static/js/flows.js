// The list of flows: keys on the row that has the focus, and the list again when an execution began or ended.
import "./choosing.js";
import { all, gather, one } from "./dom.js";
import "./filters.js";
import { connect } from "./live.js";
import { key } from "./keys.js";

const focused = () => document.activeElement?.closest("[data-row]");
key("x", "Execute the flow of the row", () => one('a[title="Execute"]', focused() ?? undefined)?.click());
key("e", "Edit the flow of the row", () => one("a[data-edit]", focused() ?? undefined)?.click());

document.querySelector("#flow-filters")?.addEventListener("change", (event) => {
  for (const filter of all("label.filter", event.currentTarget)) filter.toggleAttribute("data-set", Boolean(one("select, input", filter).value));
});

// Each row is replaced where it stands; rows are never moved, added or removed under the pointer.
const refresh = gather(async () => {
  const answer = await fetch(location.href, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  const maker = document.createElement("template");
  maker.innerHTML = await answer.text();
  for (const row of all("tr[data-row]")) {
    const next = maker.content.getElementById(row.id);
    if (!next || row.contains(document.activeElement) || next.innerHTML === row.innerHTML) continue;
    one("input", next).checked = one("input", row).checked;
    row.replaceWith(next);
  }
}, 2000);

connect("/ws/home/", { on: { "executions.changed": refresh } });
