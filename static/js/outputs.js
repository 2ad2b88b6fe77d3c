// The Outputs tab: puts the path of a value into the expression, and tries it with Ctrl Enter.
import "./completing.js";
import { on, one } from "./dom.js";

on("click", "[data-use-path]", (event, button) => {
  const field = one("#expression");
  field.value = `{{ ${button.dataset.usePath} }}`;
  field.form.requestSubmit();
  field.scrollIntoView({ block: "nearest" });
});

on("keydown", "#expression", (event, field) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  field.form.requestSubmit();
});
