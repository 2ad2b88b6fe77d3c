// The Execute form: Ctrl Enter sends it, once, and the first field has the focus.
import { isDialogOpen, one } from "./dom.js";
import "./inputs.js";

const form = one("#execute-form");

document.addEventListener("keydown", (event) => {
  if (!form || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || isDialogOpen()) return;
  event.preventDefault();
  form.requestSubmit();
});
let sent = false;
form?.addEventListener("submit", (event) => {
  if (sent) event.preventDefault(); // pressed twice
  sent = true;
});
addEventListener("pageshow", () => {
  sent = false;
});
if (form) (one("[aria-invalid=true]", form) ?? one("input:not([type=hidden], [type=file]), select, textarea", form))?.focus();
