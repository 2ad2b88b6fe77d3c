// The left navigation: full or a rail on wide screens, where the choice is kept; a drawer (the browser's popover) below.
import { all, on, one, post } from "./dom.js";

export function toggleNav() {
  const button = one("[data-nav-toggle]");
  if (!button) return;
  if (matchMedia("(width < 1280px)").matches) {
    one("#nav").togglePopover();
    return;
  }
  const rail = document.body.dataset.nav === "rail";
  document.body.dataset.nav = rail ? "full" : "rail";
  const form = one("[data-theme-form]");
  if (form && !document.body.hasAttribute("data-nav-forced")) void post(form.action, { nav: document.body.dataset.nav });
}

export function startNav() {
  on("click", "[data-nav-toggle]", (event) => {
    event.preventDefault();
    toggleNav();
  });
  on("toggle", "#nav", (event) => {
    if (event.newState === "open") one("#nav a")?.focus();
  }, true);
  // A menu opens below its button, inside the window.
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLElement) || !menu.matches(".menu[popover]") || event.newState !== "open") return;
    const button = one(`[popovertarget="${CSS.escape(menu.id)}"]`);
    if (button) place(menu, button);
    one("a, button", menu)?.focus();
  }, true);
  document.addEventListener("keydown", moveInMenu);
  for (const tab of all(".tabs [aria-current=page]")) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function place(menu, button) {
  const anchor = button.getBoundingClientRect();
  const left = Math.min(Math.max(8, anchor.right - menu.offsetWidth), innerWidth - menu.offsetWidth - 8);
  const below = anchor.bottom + 4;
  const top = below + menu.offsetHeight > innerHeight ? Math.max(8, anchor.top - menu.offsetHeight - 4) : below;
  menu.style.setProperty("left", `${left + scrollX}px`);
  menu.style.setProperty("top", `${top + scrollY}px`);
}

function moveInMenu(event) {
  const menu = event.target instanceof Element ? event.target.closest(".menu[popover]") : null;
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const items = [...menu.querySelectorAll("a, button:not(:disabled)")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  items.at((items.indexOf(document.activeElement) + step) % items.length)?.focus();
  event.preventDefault();
}
