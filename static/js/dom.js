// Small helpers that the other modules share.

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Listen to `type` on every present and future element that matches `selector`.
export function on(type, selector, listener, options) {
  document.addEventListener(
    type,
    (event) => {
      const target = event.target instanceof Element ? event.target.closest(selector) : null;
      if (target) listener(event, target);
    },
    options,
  );
}

// The token that a POST needs; it is in the headers that the body gives htmx.
export function csrfToken() {
  return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
}

// POST a form without leaving the page; resolves to the Response.
export function post(url, fields = {}) {
  return fetch(url, {
    method: "POST",
    headers: { "X-CSRFToken": csrfToken(), "HX-Request": "true" },
    body: new URLSearchParams(fields),
    credentials: "same-origin",
    redirect: "manual",
  });
}

// Call `listener` at most once per `wait` milliseconds, and always after the last call.
export function gather(listener, wait) {
  let timer = null;
  return (...values) => {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      listener(...values);
    }, wait);
  };
}

// Whether keys belong to what has the focus: a field, the editor, or an open dialog.
export function isTyping(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true], .cm-editor") !== null;
}

export function isDialogOpen() {
  return one("dialog[open]") !== null;
}

// Say something to screen readers, at most every five seconds; the last text wins.
let spoken = 0;
let waiting = null;
export function say(text) {
  const region = one("#live-region");
  if (!region) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    spoken = Date.now();
    region.textContent = text;
  }, Math.max(0, spoken + 5000 - Date.now()));
}
