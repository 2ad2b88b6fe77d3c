// One dialog for new and for changed: [data-edit=NAME] opens #edit-NAME and fills its fields from data-edit-FIELD.
import { all, on, one } from "./dom.js";
import { openDialog } from "./dialogs.js";

on("click", "[data-edit]", (event, button) => {
  const dialog = document.getElementById(`edit-${button.dataset.edit}`);
  const form = one("form", dialog);
  const { edit, editTitle, ...rest } = button.dataset;
  one("h2", dialog).textContent = editTitle;
  for (const field of all("input:not([name=csrfmiddlewaretoken]), textarea, select", form)) {
    const value = rest[`edit${field.name[0].toUpperCase()}${field.name.slice(1)}`] ?? "";
    if (field.name === "replace") field.disabled = !value;
    if (field.tagName === "SELECT" && !value) continue;
    field.value = value;
    field.removeAttribute("aria-invalid");
  }
  all(".error", form).forEach((error) => error.remove());
  const key = one("[name=key]", form);
  key.readOnly = Boolean(rest.editReplace);
  openDialog(dialog);
  (key.readOnly ? one("[name=value]", form) : key).focus();
});
