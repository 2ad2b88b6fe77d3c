// Ctrl K: jump to a page, a flow, an execution, a model, a column. Pages of the frame come from the navigation, the rest from the server:
// each room that knows names is a source.
import { all, one } from "./dom.js";
import { openDialog } from "./dialogs.js";

const WAIT = 120;
let dialog, field, list, chosen = 0, found = [], timer = null, asked = 0;

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

function draw(items) {
  found = items;
  chosen = 0;
  const template = one("[data-palette-row]", dialog).content.firstElementChild;
  const sprite = one("use", template).getAttribute("href").split("#")[0];
  list.replaceChildren(
    ...items.map((item, index) => {
      const row = template.cloneNode(true);
      row.id = `palette-${index}`;
      row.dataset.index = index;
      one("[data-palette-title]", row).textContent = item.title;
      one("[data-palette-hint]", row).textContent = item.hint ?? "";
      one("[data-palette-badge]", row).textContent = item.badge ?? "";
      one("[data-palette-badge]", row).hidden = !item.badge;
      const icon = item.icon ?? "arrow-right";
      one("use", row).setAttribute("href", icon.includes("#") ? icon : `${sprite}#${icon}`);
      return row;
    }),
  );
  one(".palette-empty", dialog).hidden = items.length > 0;
  choose(0);
}

function choose(index) {
  if (!found.length) {
    field.removeAttribute("aria-activedescendant");
    return;
  }
  chosen = (index + found.length) % found.length;
  all("[role=option]", list).forEach((row, at) => row.setAttribute("aria-selected", String(at === chosen)));
  field.setAttribute("aria-activedescendant", `palette-${chosen}`);
  one(`#palette-${chosen}`, list)?.scrollIntoView({ block: "nearest" });
}

function search() {
  const query = field.value.trim();
  draw(local(query));
  clearTimeout(timer);
  if (!query || query.startsWith(">")) return;
  timer = setTimeout(async () => {
    const number = ++asked;
    const answers = await Promise.all(dialog.dataset.sources.split(/\s+/).filter(Boolean).map((source) => results(source, query)));
    if (number === asked) draw([...answers.flat(), ...local(query)]);
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

function go(item, newTab) {
  if (!item) return;
  dialog.close();
  if (item.run) item.run();
  else if (newTab) open(item.url, "_blank", "noopener");
  else location.assign(item.url);
}

export function openPalette() {
  if (!dialog) return;
  field.value = "";
  openDialog(dialog);
  field.focus();
  search();
}

export function startPalette() {
  dialog = one("#palette");
  if (!dialog) return;
  field = one("input", dialog);
  list = one("#palette-list", dialog);
  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") go(found[chosen], event.ctrlKey || event.metaKey);
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) go(found[Number(row.dataset.index)], event.ctrlKey || event.metaKey);
  });
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
