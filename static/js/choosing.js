// Choosing rows of a list, form[data-choosing]: one by one, a range with Shift, a page, all that match; and the bar of what can be done to them.
import { all, on, one } from "./dom.js";
import { currentRow, key } from "./keys.js";

let last = null;

export const boxes = () => all('[data-choosing] tbody input[name="id"]');
const everything = () => one('[data-bulk] [name="all"]');

export function showChosen() {
  const bar = one("[data-bulk]");
  if (!bar) return;
  const chosen = boxes().filter((box) => box.checked);
  const wide = everything();
  if (wide && chosen.length < boxes().length) wide.checked = false;
  bar.hidden = chosen.length === 0;
  one("[data-chosen]").textContent = `${wide?.checked ? wide.dataset.total : chosen.length} chosen`;
  const whole = one("[data-choose-all]");
  if (!whole) return;
  whole.checked = chosen.length > 0 && chosen.length === boxes().length;
  whole.indeterminate = chosen.length > 0 && !whole.checked;
}

function choose(wanted) {
  for (const box of boxes()) box.checked = wanted;
  showChosen();
}

on("click", '[data-choosing] tbody input[name="id"]', (event, box) => {
  if (event.shiftKey && last && document.contains(last)) {
    const every = boxes();
    const [from, to] = [every.indexOf(last), every.indexOf(box)].sort((a, b) => a - b);
    for (const between of every.slice(from, to + 1)) between.checked = box.checked;
  }
  last = box;
  showChosen();
});
on("change", "[data-choose-all]", (event, whole) => choose(whole.checked));
on("change", '[data-bulk] [name="all"]', (event, wide) => (wide.checked ? choose(true) : showChosen()));
on("click", "[data-choose-none]", () => choose(false));
key("X", "Choose from the last one to this row", () => {
  one('input[name="id"]', currentRow() ?? undefined)?.dispatchEvent(new MouseEvent("click", { shiftKey: true, bubbles: true, cancelable: true }));
});
document.addEventListener("htmx:afterSwap", showChosen);
showChosen();
