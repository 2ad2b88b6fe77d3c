// Ctrl K: jump to a page, a flow, an execution, a model, a column. Pages of the frame come from the navigation, the rest from the server:
// each room that knows names is a source.
import { all, one } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { Offer } from "./offering.js";

const WAIT = 120;
let dialog, offer, timer = null, asked = 0;

function pages() {
  return all("#nav a").map((link) => ({ title: link.title, hint: "page", url: link.href, icon: one("use", link).getAttribute("href") }));
}

// A page offers actions: <a|button data-palette-action="Execute this flow">.
function actions() {
  return all("[data-palette-action]").map((element) => ({ title: element.dataset.paletteAction, hint: "action", icon: "zap", run: () => element.click() }));
}

function matches(item, words) {
  const text = item.title.toLowerCase();
  return words.every((word) => text.includes(word));
}

function local(query) {
  const onlyActions = query.startsWith(">");
  const words = query.replace(/^>/, "").toLowerCase().split(/\s+/).filter(Boolean);
  return [...(onlyActions ? [] : pages()), ...actions()].filter((item) => matches(item, words));
}

function search(text) {
  const query = text.trim(), number = ++asked;
  offer.draw(local(query));
  clearTimeout(timer);
  if (!query || query.startsWith(">")) return;
  timer = setTimeout(async () => {
    const answers = await Promise.all(dialog.dataset.sources.split(/\s+/).filter(Boolean).map((source) => results(source, query)));
    if (number === asked) offer.draw([...answers.flat(), ...local(query)]);
  }, WAIT);
}

// A source that does not answer has nothing to say; the others are heard.
async function results(source, query) {
  try {
    const response = await fetch(`${source}?${new URLSearchParams({ q: query })}`, { headers: { Accept: "application/json" } });
    return response.ok ? (await response.json()).results : [];
  } catch {
    return [];
  }
}

function take(item, aside) {
  if (item.run) item.run();
  else if (aside) open(item.url, "_blank", "noopener");
  else location.assign(item.url);
}

export function openPalette() {
  if (dialog) offer.show(openDialog);
}

export function startPalette() {
  dialog = one("#palette");
  if (!dialog) return;
  offer = new Offer(dialog, { search, take });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-palette-open]")) openPalette();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
    }
  });
}
