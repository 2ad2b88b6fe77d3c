// The theme button: shows the other theme at once and tells the server, which writes it into the next page.
import { on, post } from "./dom.js";

export function startTheme() {
  const root = document.documentElement;
  on("submit", "[data-theme-form]", (event, form) => {
    event.preventDefault();
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.dispatchEvent(new CustomEvent("theme-changed", { detail: root.dataset.theme }));
    const token = new FormData(form).get("csrfmiddlewaretoken");
    void post(form.action, { theme: root.dataset.theme, csrfmiddlewaretoken: token });
  });
}
