// Triggers: the lists again when executions change and every five seconds, unless a menu, a dialog or the focus is in the way.
import { all, gather, isDialogOpen, one } from "./dom.js";
import "./filters.js";
import { connect } from "./live.js";

const busy = (part) => isDialogOpen() || one(":popover-open") !== null || part.contains(document.activeElement) || part.matches(":hover");

const refresh = gather(async () => {
  const root = one("#triggers");
  if (!root || document.hidden) return;
  const answer = await fetch(root.dataset.url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok || one("#triggers") !== root) return;
  const maker = document.createElement("template");
  maker.innerHTML = await answer.text();
  const next = one("#triggers", maker.content);
  if (!next) return;
  if (all(":scope > *", root).length !== all(":scope > *", next).length) {
    if (!busy(root)) replace(root, next);
    return;
  }
  for (const part of all(":scope > [id]", next)) {
    const old = document.getElementById(part.id);
    if (old && !busy(old) && old.innerHTML !== part.innerHTML) replace(old, part);
  }
}, 1000);

// The new part has forms of htmx in it.
function replace(old, next) {
  old.replaceWith(next);
  window.htmx?.process(next);
}

one("#trigger-filters")?.addEventListener("change", (event) => {
  for (const filter of all("label.filter", event.currentTarget)) filter.toggleAttribute("data-set", Boolean(one("select", filter).value));
});
connect("/ws/home/", { on: { "executions.changed": refresh } });
setInterval(refresh, 5000);
