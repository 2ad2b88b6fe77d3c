// The panes of the workspace: which view the left and the bottom one show, how large they are, and the way from one to the next by F6.
import { all, on, one } from "../dom.js";
import { ask, config } from "./server.js";

const LEAST = { side: 160, bottom: 96 };
const MOST = { side: () => Math.min(640, innerWidth * 0.6), bottom: () => Math.min(1200, innerHeight * 0.7) };

export function choose(list, name, { focus = false } = {}) {
  for (const tab of all("[role=tab]", list)) {
    const chosen = tab.dataset.view === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    one(`#${tab.getAttribute("aria-controls")}`).hidden = !chosen;
    if (chosen && focus) tab.focus();
  }
  list.dispatchEvent(new CustomEvent("chosen", { bubbles: true, detail: name }));
}

export const chosenOf = (list) => one("[role=tab][aria-selected=true]", list)?.dataset.view;

function startTabs() {
  on("click", "[data-views] [role=tab]", (event, tab) => choose(tab.closest("[data-views]"), tab.dataset.view));
  on("keydown", "[data-views] [role=tab]", (event, tab) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const tabs = all("[role=tab]", tab.closest("[data-views]")).filter((one) => !one.hidden);
    choose(tab.closest("[data-views]"), tabs.at((tabs.indexOf(tab) + step) % tabs.length).dataset.view, { focus: true });
  });
}

const root = () => one("[data-workspace]");
const apply = (name, size) => {
  root().style.setProperty(`--work-${name}`, `${size}px`);
  one(`[data-split=${name}]`)?.setAttribute("aria-valuenow", String(size));
};

let later = null;
export function remember(changes) {
  Object.assign(config.settings, changes);
  clearTimeout(later);
  const all = { ...(remember.waiting ?? {}), ...changes };
  remember.waiting = all;
  later = setTimeout(() => {
    remember.waiting = null;
    void ask("settings", { body: all }).catch(() => {});
  }, 500);
}

function startSplits() {
  for (const name of ["side", "bottom"]) if (config.settings[name]) apply(name, config.settings[name]);
  for (const bar of all("[data-split]")) {
    const name = bar.dataset.split;
    const size = () => one(name === "side" ? ".work-side" : ".work-bottom").getBoundingClientRect()[name === "side" ? "width" : "height"];
    const set = (wanted) => {
      const now = Math.round(Math.max(LEAST[name], Math.min(MOST[name](), wanted)));
      apply(name, now);
      remember({ [name]: now });
    };
    bar.addEventListener("pointerdown", (event) => {
      const begin = { size: size(), at: name === "side" ? event.clientX : event.clientY };
      bar.setPointerCapture(event.pointerId);
      event.preventDefault();
      const move = (now) => set(begin.size + (name === "side" ? now.clientX - begin.at : begin.at - now.clientY));
      bar.addEventListener("pointermove", move);
      bar.addEventListener("lostpointercapture", () => bar.removeEventListener("pointermove", move), { once: true });
    });
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 16, ArrowLeft: -16, ArrowUp: 16, ArrowDown: -16 }[event.key];
      if (!step) return;
      event.preventDefault();
      set(size() + step);
    });
  }
}

export function toggle(name, shown = root().hasAttribute(`data-no-${name}`)) {
  root().toggleAttribute(`data-no-${name}`, !shown);
  return shown;
}

export const isShown = (name) => !root().hasAttribute(`data-no-${name}`);

// F6: the next pane that is in view takes the focus.
export function nextPane(step, focusEditor) {
  const panes = all("[data-pane]").filter((pane) => pane.offsetParent !== null);
  const at = panes.findIndex((pane) => pane.contains(document.activeElement));
  const next = panes.at((at + step + panes.length) % panes.length);
  if (next.dataset.pane === "editor") focusEditor();
  else (all("[role=tree], [role=tabpanel] input, [role=tab][aria-selected=true]", next).find((found) => found.offsetParent !== null) ?? one("button", next))?.focus();
}

export function startPanes() {
  startTabs();
  startSplits();
}
