// What htmx needs from us: a word when the server cannot be reached, focus on the first wrong field, no stale banners.
import { one } from "./dom.js";

function banner(title, text) {
  const place = one("#page-messages");
  if (!place) return;
  const box = document.createElement("div");
  box.className = "banner";
  box.dataset.state = "WARNING";
  box.setAttribute("role", "alert");
  box.append(document.createElement("span"));
  const words = document.createElement("div");
  const head = document.createElement("h3");
  const body = document.createElement("p");
  head.textContent = title;
  body.textContent = text;
  words.append(head, body);
  box.append(words);
  place.replaceChildren(box);
}

export function startHtmx() {
  document.addEventListener("htmx:sendError", () => banner("The server cannot be reached", "Nothing was changed. Try again in a moment."));
  document.addEventListener("htmx:timeout", () => banner("The server took too long", "It may still be at work. Reload the page before you try again."));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) one("#page-messages")?.replaceChildren();
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    one("[aria-invalid=true]", event.detail.elt)?.focus();
  });
  one("[aria-invalid=true]")?.focus();
}
