// What can be done in the workspace, each with a name and perhaps a key: the palette lists them, `?` shows them, buttons and keys run them.
import { on, one } from "../dom.js";

const commands = new Map();
const IS_MAC = navigator.platform.startsWith("Mac");

// keys as CodeMirror writes them: "Mod-Shift-p". `when` tells whether the command makes sense now.
export function command(id, label, run, { key = "", when = () => true, icon = "chevron-right", global = true } = {}) {
  commands.set(id, { id, label, run, key, when, icon, global });
}

export const known = () => [...commands.values()].filter((one) => one.label);

export function run(id, ...values) {
  const found = commands.get(id);
  return found && found.when() ? found.run(...values) : undefined;
}

// A key as people read it.
export function keyText(key) {
  return key.split("-").map((part) => ({ Mod: IS_MAC ? "⌘" : "Ctrl", Enter: "↵", PageUp: "PgUp", PageDown: "PgDn" })[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" ");
}

function pressedKey(event) {
  const mod = IS_MAC ? event.metaKey : event.ctrlKey;
  const name = event.code.startsWith("Key") ? event.code.slice(3).toLowerCase() : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return [mod && "Mod", event.altKey && "Alt", event.shiftKey && "Shift", name].filter(Boolean).join("-");
}

const spelled = (key) => ["Mod", "Alt", "Shift"].filter((part) => key.split("-").includes(part)).concat(key.split("-").at(-1)).join("-");

export function startCommands() {
  on("click", "[data-run]", (event, button) => {
    event.preventDefault();
    button.closest("[popover]")?.hidePopover();
    run(button.dataset.run, button);
  });
  // Before the editor hears of it: these keys mean the same everywhere on the page, but not inside a dialog.
  document.addEventListener("keydown", (event) => {
    if (one("dialog[open]")) return;
    if (event.key === "Enter" && event.target instanceof Element && event.target.closest("textarea, input, select")) return; // it sends that form
    const key = pressedKey(event);
    const found = [...commands.values()].find((one) => one.key && spelled(one.key) === key && one.global && one.when());
    if (!found) return;
    event.preventDefault();
    event.stopPropagation();
    found.run();
  }, true);
}

// The list under `?`.
export function listKeys(list) {
  if (!list) return;
  for (const { label, key } of known()) {
    if (!key) continue;
    const row = document.createElement("li");
    const cap = document.createElement("span");
    for (const part of keyText(key).split(" ")) {
      const one = document.createElement("kbd");
      one.textContent = part;
      cap.append(one, " ");
    }
    row.append(`${label} `, cap);
    list.append(row);
  }
}
