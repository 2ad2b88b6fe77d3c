// Dialogs: opened by [data-dialog-open=ID], closed by [data-dialog-close] or Esc; and the question before something is lost.
import { on, one } from "./dom.js";

export function openDialog(dialog) {
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

export function startDialogs() {
  on("click", "[data-dialog-open]", (event, button) => {
    event.preventDefault();
    openDialog(document.getElementById(button.dataset.dialogOpen));
  });
  on("click", "[data-dialog-close]", (event, button) => {
    event.preventDefault();
    button.closest("dialog")?.close();
  });
  on("click", "dialog.dialog", (event, dialog) => {
    if (event.target === dialog && !dialog.hasAttribute("data-keep")) dialog.close(); // the backdrop
  });
  on("click", "[data-dismiss]", (event, button) => button.closest(".banner")?.remove());
  // A dialog that the server sent with data-open-now is shown as soon as it arrives, so is one that came back with errors.
  const show = (root) => {
    for (const dialog of root.querySelectorAll?.("dialog[data-open-now]") ?? []) {
      dialog.removeAttribute("data-open-now");
      openDialog(dialog);
    }
  };
  show(document);
  document.addEventListener("htmx:load", (event) => {
    const element = event.detail.elt;
    show(element.parentElement ?? element);
  });
}

// Resolves to true when the user agrees.
export function ask({ title, text = "", action = "Delete", kind = "danger" }) {
  const dialog = one("#confirm");
  one("[data-confirm-title]", dialog).textContent = title;
  one("[data-confirm-text]", dialog).textContent = text;
  const button = one("[data-confirm-action]", dialog);
  button.textContent = action;
  button.dataset.kind = kind;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

// <form data-confirm="Title" data-confirm-text="…" data-confirm-action="Delete"> asks before it is sent; hx-confirm is asked the same way.
export function startConfirm() {
  const agreed = new WeakSet();
  document.addEventListener(
    "submit",
    async (event) => {
      const form = event.target;
      const asker = event.submitter?.dataset.confirm ? event.submitter : form;
      if (!asker.dataset.confirm || agreed.has(form)) {
        agreed.delete(form);
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      const { confirm: title, confirmText: text, confirmAction: action, confirmKind: kind } = asker.dataset;
      if (await ask({ title, text, action, kind })) {
        agreed.add(form);
        form.requestSubmit(event.submitter);
      }
    },
    true,
  );
  document.addEventListener("htmx:confirm", async (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    const { confirmText: text, confirmAction: action, confirmKind: kind } = event.detail.elt.dataset;
    if (await ask({ title: event.detail.question, text, action, kind })) event.detail.issueRequest(true);
  });
}
