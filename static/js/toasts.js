// Toasts: what the user just did, for six seconds, with Undo where there is one; [data-stays] until it is closed. Errors are never toasts.
import { on, one } from "./dom.js";

const LIFE = 6000;

function live(toast) {
  let timer = setTimeout(() => toast.remove(), LIFE);
  const hold = () => clearTimeout(timer);
  const release = () => {
    timer = setTimeout(() => toast.remove(), LIFE);
  };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("pointerleave", release);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("focusout", release);
}

export function toast(message, undo = "") {
  const shelf = one("#toasts");
  const made = one("#toast-template").content.firstElementChild.cloneNode(true);
  one("[data-toast-text]", made).textContent = message;
  if (undo) {
    const form = one("[data-toast-undo]", made);
    form.action = undo;
    form.hidden = false;
  }
  shelf.append(made);
  live(made);
}

export function startToasts() {
  document.querySelectorAll("[data-toast]:not([data-stays])").forEach(live);
  on("click", "[data-toast-close]", (event, button) => button.closest("[data-toast]").remove());
  // The server's HX-Trigger: {"toast": {"message": …, "undo": …}}
  document.addEventListener("toast", (event) => toast(event.detail.message, event.detail.undo));
}
