// People and account: copy what is shown only once.
import { on } from "./dom.js";
import { toast } from "./toasts.js";

on("click", "[data-copy]", async (event, button) => {
  const source = document.getElementById(button.dataset.copy);
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(source.textContent);
    toast("Copied");
    return;
  }
  getSelection().selectAllChildren(source); // without https there is no clipboard: leave it selected
});
