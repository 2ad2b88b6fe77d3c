// Fields that are made from declared inputs: a combobox whose last option is what was typed, files, inputs that depend on others.
import { all, on, one } from "./dom.js";
import "./file-drop.js";

// --- combobox ---------------------------------------------------------------------------------------------------------------------

const listOf = (input) => document.getElementById(input.getAttribute("aria-controls"));
const shown = (list) => all("[role=option]:not([hidden])", list);

function openList(input, everything = false) {
  const list = listOf(input);
  const text = input.value.trim().toLowerCase();
  let exact = false;
  for (const option of all("[role=option][data-value]", list)) {
    const value = option.dataset.value.toLowerCase();
    exact ||= value === text;
    option.hidden = !everything && text !== "" && !value.includes(text);
  }
  const own = one("[data-own]", list);
  own.hidden = !text || exact;
  own.dataset.value = input.value.trim();
  one("code", own).textContent = input.value.trim();
  list.hidden = shown(list).length === 0;
  input.setAttribute("aria-expanded", String(!list.hidden));
}

function closeList(input) {
  listOf(input).hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function choose(input, option) {
  input.value = option.dataset.value;
  closeList(input);
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function move(input, step) {
  const list = listOf(input);
  if (list.hidden) openList(input, true);
  const options = shown(list);
  const now = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = options[(now + step + options.length) % options.length];
  for (const option of all("[role=option]", list)) option.setAttribute("aria-selected", String(option === next));
  if (!next) return;
  next.id ||= `${input.id}-option-${options.indexOf(next)}`;
  input.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
}

on("input", "[role=combobox][name]", (event, input) => openList(input));
on("click", "[role=combobox][name]", (event, input) => openList(input, true));
on("keydown", "[role=combobox][name]", (event, input) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(input, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const chosen = one('[aria-selected="true"]:not([hidden])', listOf(input));
    if (chosen && !listOf(input).hidden) choose(input, chosen);
    else closeList(input);
  } else if (event.key === "Escape" && !listOf(input).hidden) {
    event.stopPropagation();
    closeList(input);
  }
});
on("pointerdown", ".combo [role=option]", (event, option) => {
  event.preventDefault();
  choose(one("[role=combobox]", option.closest(".combo")), option);
});
on("focusout", "[role=combobox][name]", (event, input) => closeList(input));

// A form that comes back with errors keeps its files and secrets: their elements stay (hx-preserve) and learn what is wrong with them.
document.addEventListener("htmx:afterSettle", () => {
  for (const kept of all("[hx-preserve]")) {
    const input = kept.matches("input") ? kept : one("input[type=file]", kept);
    const wrong = document.getElementById(`${input.id}-error`) !== null;
    const described = ["help", "error"].map((part) => `${input.id}-${part}`).filter((id) => document.getElementById(id));
    if (wrong) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
    if (described.length) input.setAttribute("aria-describedby", described.join(" ")); else input.removeAttribute("aria-describedby");
  }
});

// --- inputs that depend on others ---------------------------------------------------------------------------------------------------

const waiting = new WeakMap(); // form → the timer of its next check

async function check(form) {
  const data = new FormData(form);
  for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
  const answer = await fetch(form.dataset.checkUrl, { method: "POST", body: data, headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  const maker = document.createElement("template");
  maker.innerHTML = await answer.text();
  const place = one("[data-fields]", form);
  const next = maker.content.firstElementChild;
  const wanted = new Set(all("[data-input]", next).map((field) => field.dataset.input));
  for (const field of all(":scope > [data-input]", place)) if (!wanted.has(field.dataset.input)) field.remove();
  let before = null;
  for (const field of all(":scope > [data-input]", next)) {
    const old = one(`:scope > [data-input="${CSS.escape(field.dataset.input)}"]`, place);
    if (!old) before ? before.after(field) : place.prepend(field);
    before = old ?? field;
  }
}

on("change", "form[data-check-url]", (event, form) => {
  clearTimeout(waiting.get(form));
  waiting.set(form, setTimeout(() => check(form), 300));
});
