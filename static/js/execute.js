// The Execute form: Ctrl Enter sends it, once, and the first field has the focus. Refused it comes back alone, so that files and secrets stay.
import { isDialogOpen, one } from "./dom.js";
import "./inputs.js";

const form = () => one("#execute-form");

document.addEventListener("keydown", (event) => {
  if (!form() || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || isDialogOpen()) return;
  event.preventDefault();
  form().requestSubmit();
});
let sent = false; // from the press of the button to the execution's page, unless it is refused
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt !== form()) return;
  if (sent) event.preventDefault(); // pressed twice
  sent = true;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.xhr?.getResponseHeader("HX-Redirect")) sent = false;
});
addEventListener("pageshow", () => {
  sent = false;
});
if (form()) (one("[aria-invalid=true]", form()) ?? one("input:not([type=hidden], [type=file]), select, textarea", form()))?.focus();
