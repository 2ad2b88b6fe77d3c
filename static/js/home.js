// Home: asked for again every two seconds at most while executions change.
import "./charts.js";
import { all, gather, on, one } from "./dom.js";
import { connect } from "./live.js";

const maker = document.createElement("template");

// Lists keep their order: what stands in a panel that has the focus or the pointer waits for the next time.
const refresh = gather(async () => {
  const answer = await fetch(one("#home").dataset.url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  maker.innerHTML = await answer.text();
  const next = maker.content.firstElementChild;
  const home = one("#home");
  if (all(":scope > *", home).length !== all(":scope > *", next).length) {
    home.replaceWith(next);
    return;
  }
  for (const part of all(":scope > [id]", next)) {
    const old = document.getElementById(part.id);
    if (!old || old.contains(document.activeElement) || old.matches(":hover") || old.innerHTML === part.innerHTML) continue;
    old.replaceWith(part);
  }
}, 2000);

on("change", "[data-submit]", (event, field) => field.form.requestSubmit());

connect("/ws/home/", { on: { "executions.changed": refresh }, onOpen: (again) => again && refresh() });

// Steps and the time that is left go on without an execution changing its state.
setInterval(() => {
  if (!document.hidden && one("#home-running .cards")) refresh();
}, 5000);
