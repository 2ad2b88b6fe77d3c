// A drop zone over a real file field, [data-file-drop], which says what was chosen.
import { all, on, one } from "./dom.js";

function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let amount = bytes;
  let unit = 0;
  while (amount >= 999.5 && unit < 3) {
    amount /= 1000;
    unit += 1;
  }
  return `${amount < 9.95 && unit ? amount.toFixed(1) : Math.round(amount)}\u00a0${units[unit]}`;
}

function showFile(input) {
  const box = input.closest("[data-file-drop]");
  const files = [...input.files];
  const text = one("[data-file-name]", box);
  text.replaceChildren();
  if (files.length) {
    const name = document.createElement("b");
    name.textContent = files.length > 1 ? `${files.length} files` : files[0].name;
    text.append(name, ` ${size(files.reduce((sum, file) => sum + file.size, 0))}`);
  } else {
    text.textContent = "Drop a file here, or choose one";
  }
  one("[data-file-clear]", box).hidden = files.length === 0;
}

on("change", "[data-file-drop] input[type=file]", (event, input) => showFile(input));
on("click", "[data-file-clear]", (event, button) => {
  const input = one("input[type=file]", button.closest("[data-file-drop]"));
  input.value = "";
  showFile(input);
});
on("dragover", "[data-file-drop]", (event, box) => {
  event.preventDefault();
  box.dataset.over = "";
});
on("dragleave", "[data-file-drop]", (event, box) => delete box.dataset.over);
on("drop", "[data-file-drop]", (event, box) => {
  event.preventDefault();
  delete box.dataset.over;
  const input = one("input[type=file]", box);
  input.files = event.dataTransfer.files;
  showFile(input);
});
// What was chosen before this module came, or is kept by the browser on the way back.
for (const input of all("[data-file-drop] input[type=file]")) if (input.files.length) showFile(input);
