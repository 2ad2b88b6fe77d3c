// Where dbt runs: which target of the project is used, which others there are, and what each of them refuses.
import { all, on, one } from "../dom.js";
import { ask, config } from "./server.js";

const ORIGINS = { "profiles.yml": "From profiles.yml of these files", connections: "The connections of the namespace", flows: "From a flow of the namespace" };
let workspace, menu;
const known = new Map(); // by the folder of the project

const folder = () => (workspace.active() ? workspace.projects.folder(workspace.active().path) : null);
const now = () => known.get(folder()) ?? null;

// Whether nobody builds by hand on the target that is used.
export const isGuarded = () => Boolean(now()?.guarded);

async function load() {
  const at = folder();
  if (at === null) return;
  known.set(at, await ask("dbt/target", { query: { path: workspace.active().path } }).catch(() => null));
  draw();
}

function row(target, used) {
  const button = one("template", menu).content.firstElementChild.cloneNode(true);
  button.dataset.name = target.name;
  if (target.name === used) button.setAttribute("aria-current", "true");
  one("[data-text]", button).textContent = target.name;
  one("[data-about]", button).textContent = target.adapter;
  one("[data-guarded]", button).hidden = !target.guarded;
  return button;
}

function draw() {
  const found = now();
  const used = found ? found.target || found.default : "";
  for (const button of all("[data-target-button]")) {
    one("[data-text]", button).textContent = used || "No target";
    button.title = used ? `dbt runs on ${used}${found.guarded ? ", which is protected" : ""}` : "Nothing says yet where dbt runs";
    button.toggleAttribute("data-guarded", isGuarded());
  }
  for (const button of all("[data-run=build-this], [data-build=build], [data-build=run]")) {
    button.dataset.title ??= button.title;
    button.disabled = isGuarded();
    button.title = isGuarded() ? `${used} is protected: it is built by plans and by flows that a trigger starts` : button.dataset.title;
  }
  if (!found) return;
  const missing = used && !found.targets.some((one) => one.name === used);
  one("[data-targets]", menu).replaceChildren(...found.targets.map((target) => row(target, used)));
  one("[data-note]", menu).textContent = missing ? `${used} is not among them: choose another one.` : found.targets.length ? `${ORIGINS[found.origin]}${found.target ? "" : "; the default is used"}.` : "Nothing says how to connect. Write a profiles.yml, or give the namespace a default connection.";
  one("[data-protected]", menu).hidden = !found.targets.some((one) => one.guarded);
}

async function choose(name) {
  const found = now();
  const answer = await workspace.attempt(() => ask("dbt/target", { query: { path: workspace.active().path }, body: { target: name === found.default ? "" : name } }));
  if (!answer) return;
  known.clear();
  known.set(folder(), answer);
  draw();
  workspace.hint(`dbt runs on ${name} now.`);
}

export function startTargets(made) {
  workspace = made;
  menu = one("#work-target");
  if (!config.may_write || !menu) return;
  workspace.listeners.show.push((document) => (document && folder() !== null && !known.has(folder()) ? void load() : draw()));
  workspace.listeners.knowledge.push(() => void load());
  menu.addEventListener("beforetoggle", (event) => event.newState === "open" && void load());
  on("click", "#work-target [data-name]", (event, button) => {
    menu.hidePopover();
    void choose(button.dataset.name);
  });
}
