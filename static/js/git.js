// Git: taking one side of a clash into its result, committing by Ctrl Enter, and on a narrow screen going to what was opened.
import { all, on, one } from "./dom.js";

on("click", "[data-take]", (event, button) => {
  const clash = button.closest("[data-clash]");
  const text = (name) => one(`[data-${name}]`, clash).textContent;
  const field = one("[data-result]", clash);
  field.value = button.dataset.take === "both" ? text("ours") + text("theirs") : text(button.dataset.take);
  for (const other of all("[data-take]", clash)) other.setAttribute("aria-pressed", String(other === button));
  field.focus();
});

on("input", "[data-result]", (event, field) => {
  for (const button of all("[data-take]", field.closest("[data-clash]"))) button.setAttribute("aria-pressed", "false");
});

on("keydown", "[data-git-message]", (event, field) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) one("[data-kind=primary]", field.form).click(); // htmx sends what a button says only when it is pressed
});

document.addEventListener("htmx:afterSettle", (event) => {
  const opened = one("#git-view");
  const clicked = event.detail.requestConfig?.triggeringEvent?.type === "click";
  if (clicked && event.detail.target?.id === "git-view" && opened && innerWidth < 768) opened.scrollIntoView();
});
