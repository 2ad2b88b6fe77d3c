// What covers the editor until it is closed: what Git opens (differences, history, a commit), and the three panes of a late save.
import { on, one } from "../dom.js";
import { command, run } from "./commands.js";
import { address, ask } from "./server.js";

let workspace, box;

function cover(html) {
  one("#git-view", box).outerHTML = html;
  box.hidden = false;
  one("[data-result]", box)?.focus();
}

function uncover() {
  box.hidden = true;
  one("#git-view", box).replaceChildren();
  workspace.current().focus();
}

// The panel reads itself again when files change; whoever types a message goes on typing it.
function keepTyping() {
  let typing = null;
  document.body.addEventListener("htmx:beforeSwap", () => {
    const field = document.activeElement?.closest("[data-git-message]");
    typing = field ? [field.selectionStart, field.selectionEnd] : null;
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    const field = typing && one("[data-git-message]");
    if (!field || field === document.activeElement) return;
    field.focus();
    field.setSelectionRange(...typing);
  });
}

// A save that contradicts what somebody saved meanwhile is put together from what each has, place by place.
async function merge() {
  const document = workspace.active();
  if (!document?.clash) return;
  await document.keep();
  const answer = await fetch(address("merge", { path: document.path }), { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (answer.ok) cover(await answer.text());
  else workspace.trouble(await answer.json().catch(() => ({ message: `The server answered ${answer.status}. Try again.` })));
}

async function join(form) {
  const sent = new FormData(form);
  const found = await workspace.attempt(() => ask("merge/join", { form: sent }));
  const document = workspace.documents.get(sent.get("path"));
  if (!found || !document) return;
  document.settle(found.text, found.base);
  uncover();
  await workspace.save(document);
}

// Saving while the panes are open takes their result; answers whether they are.
export function saveMerge() {
  const form = box.hidden ? null : one("[data-merge]", box);
  form?.requestSubmit();
  return Boolean(form);
}

export function startCovering(of) {
  workspace = of;
  box = one("[data-gitview]");
  keepTyping();
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "git-view" || event.target?.id === "git-view") box.hidden = !one("#git-view", box).childElementCount;
  });
  on("click", "[data-gitview-close]", uncover);
  document.body.addEventListener("gitChanged", () => void run("reload"));
  command("clash-merge", "", merge);
  on("submit", "[data-merge]", (event, form) => {
    event.preventDefault();
    void join(form);
  });
}
