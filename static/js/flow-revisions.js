// Revisions: choosing compares at once; n and p go from change to change.
import { all, on, one } from "./dom.js";
import { key } from "./keys.js";

on("change", "[data-submit]", (event, field) => field.form.requestSubmit());

let current = 0;

function go(step) {
  const changes = all("[data-change-row]", one("#revisions"));
  if (!changes.length) return;
  current = Math.min(Math.max(current + step, 1), changes.length);
  const row = changes[current - 1];
  row.scrollIntoView({ block: "center" });
  row.focus({ preventScroll: true });
}

on("click", "[data-change]", (event, button) => go(Number(button.dataset.change)));
key("n", "Next change", () => go(1));
key("p", "Previous change", () => go(-1));
