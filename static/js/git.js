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

// What is done answers with the panel: until then the panel does not read itself again, which would take the form away under it.
let doing = 0;
let missed = false;
const isPanel = ({ target }) => target?.id === "git-panel";

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, target } = event.detail;
  if (!isPanel(event.detail)) return;
  if (elt !== target) {
    doing += 1;
    target.dispatchEvent(new CustomEvent("htmx:abort", { bubbles: true, detail: { elt: target } }));
  } else if (doing) {
    missed = true;
    event.preventDefault();
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (!isPanel(event.detail) || event.detail.elt === event.detail.target) return;
  doing -= 1;
  if (doing || !missed) return;
  missed = false;
  setTimeout(() => document.body.dispatchEvent(new CustomEvent("filesChanged")));
});

document.addEventListener("htmx:afterSettle", (event) => {
  const opened = one("#git-view");
  const clicked = event.detail.requestConfig?.triggeringEvent?.type === "click";
  if (clicked && event.detail.target?.id === "git-view" && opened && innerWidth < 768) opened.scrollIntoView();
});
