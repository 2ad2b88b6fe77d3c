// Names while an expression is typed: the server says what may stand before the cursor, the keyboard chooses, a screen reader hears the chosen one.
import { all, on, one, post, say } from "./dom.js";

const list = () => one("#expression-options");
const isOpen = () => list() !== null && !list().hidden;
const chosen = () => one('[aria-selected="true"]', list());
let timer = null;
let asked = 0; // the number of the last question: answers to older ones are not shown

function close(field) {
  clearTimeout(timer);
  asked += 1;
  if (list()) list().hidden = true;
  field.removeAttribute("aria-activedescendant");
}

function point(field, option) {
  for (const other of all("[role=option]", list())) other.setAttribute("aria-selected", String(other === option));
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

async function ask(field) {
  const mine = (asked += 1);
  const at = field.selectionStart;
  if (at !== field.selectionEnd) return;
  const answer = await post(field.dataset.completeUrl, { before: field.value.slice(0, at), run: field.form.elements.run?.value ?? "" });
  if (!answer.ok || mine !== asked || document.activeElement !== field || field.selectionStart !== at) return;
  const maker = document.createElement("template");
  maker.innerHTML = await answer.text();
  list().replaceWith(maker.content.firstElementChild);
  const options = all("[role=option]", list());
  const typed = options.length === 1 && field.value.slice(Number(options[0].dataset.start), at) === options[0].dataset.text;
  if (!options.length || typed) {
    close(field);
    return;
  }
  point(field, options[0]);
  say(`${options.length} ${options.length === 1 ? "completion" : "completions"}`);
}

function take(field, option) {
  field.setRangeText(option.dataset.text, Number(option.dataset.start), field.selectionStart, "end");
  close(field);
  field.focus();
}

on("input", "[data-complete-url]", (event, field) => {
  clearTimeout(timer);
  if (event.inputType === "insertLineBreak" || event.inputType === "insertFromPaste") {
    close(field);
    return;
  }
  timer = setTimeout(() => ask(field), 120);
});

// Before the form hears of it: while the list is open, Enter takes an option.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLTextAreaElement) || !field.dataset.completeUrl) return;
  if (event.key === " " && event.ctrlKey) {
    event.preventDefault();
    ask(field);
    return;
  }
  if (!isOpen() || event.ctrlKey || event.metaKey || event.altKey) return;
  const options = all("[role=option]", list());
  const now = options.indexOf(chosen());
  const next = { ArrowDown: (now + 1) % options.length, ArrowUp: (now - 1 + options.length) % options.length }[event.key];
  if (next !== undefined) point(field, options[next]);
  else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) take(field, options[now]);
  else if (event.key === "Escape") close(field);
  else {
    if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) close(field);
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

on("pointerdown", "#expression-options [role=option]", (event, option) => {
  event.preventDefault();
  take(one("[data-complete-url]"), option);
});
on("focusout", "[data-complete-url]", (event, field) => close(field));
