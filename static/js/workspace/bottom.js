// The bottom pane: rows of a preview, compiled SQL, problems, runs and their log, and the commands that fill it.
import { all, on, one, say } from "../dom.js";
import { command } from "./commands.js";
import { unknown } from "./help.js";
import { Lineage } from "./lineage.js";
import { choose, chosenOf } from "./panes.js";
import { Result, saveAs, showPager } from "./results.js";
import { Runs } from "./running.js";
import { address, ask, config, Refused } from "./server.js";
import { isGuarded } from "./targets.js";
import { nameOf } from "./tree.js";

const ROWS = 500;
const WAIT = 1200; // milliseconds without a key after which dbt is asked what is wrong
const ENDED = new Set(["done", "failed", "cancelled"]);
const REACH = { this: "this", "this+": "this and what follows", "+this": "this and what it needs", "changed+": "what has changed and what follows" };

let workspace, panel, list, runs, compiledView = null, running = null, checks = true, timer = null;

const pane = (name) => one(`#pane-${name}`);
const active = () => workspace.active();
const isModel = () => config.may_write && Boolean(active()?.isText && active().path.endsWith(".sql") && workspace.projects.now(active().path));
const inProject = () => config.may_write && Boolean(active() && workspace.projects.now(active().path));

const mayBuild = () => inProject() && !isGuarded();

export function show(name) {
  workspace.toggle("bottom", true);
  choose(list, name);
}

function note(text = "") {
  one("[data-pane-note]").textContent = text;
}

function nothing(box, text) {
  const made = one("#pane-empty").content.firstElementChild.cloneNode(true);
  made.textContent = text;
  box.replaceChildren(made);
}

function waiting(box, text) {
  const made = one("#pane-running").content.firstElementChild.cloneNode(true);
  one("[data-text]", made).textContent = text;
  box.replaceChildren(made);
}

// --- preview ---

async function preview() {
  const document = active();
  const { main } = document.state.selection;
  const selection = main.empty ? "" : document.state.sliceDoc(main.from, main.to);
  cancel();
  const mine = { document, id: "", stopped: false };
  running = mine;
  show("results");
  const begin = performance.now();
  const before = document.result;
  waiting(pane("results"), selection ? "Running what is chosen" : `Running ${nameOf(document.path)}`);
  note();
  try {
    const { id } = await ask("dbt/preview", { body: { path: document.path, text: document.text, selection, limit: ROWS } });
    mine.id = id;
    let answer = { state: "waiting" };
    while (!ENDED.has(answer.state) && !mine.stopped) answer = await ask(`dbt/preview/${id}`);
    if (mine.stopped) return;
    if (answer.state === "done" && answer.columns) {
      document.result = new Result(answer, { at: new Date(), selection: Boolean(selection), took: (performance.now() - begin) / 1000, limit: ROWS });
      problems(document, "dbt", []);
      say(`${answer.rows.length} rows`);
    } else failed(document, answer.problems ?? (answer.problem ? [answer.problem] : []), answer.state === "cancelled" ? "Cancelled." : "The preview did not end well.");
  } catch (error) {
    document.failure = error.message;
    document.result = before;
  } finally {
    if (running === mine) running = null;
    if (active() === document) drawResult();
  }
}

function failed(document, found, text) {
  document.failure = found[0]?.message ?? text;
  problems(document, "dbt", found);
}

function cancel() {
  if (!running) return;
  running.stopped = true;
  if (running.id) void ask(`dbt/preview/${running.id}`, { method: "DELETE" }).catch(() => {});
  running.document.failure = "Cancelled.";
  running = null;
  drawResult();
}

function drawResult() {
  const document = active();
  const box = pane("results");
  const acts = one("[data-pane-acts]");
  acts.replaceChildren();
  if (running?.document === document) return;
  const result = document?.result;
  if (!result) {
    if (document?.failure) showFailure(box, document.failure);
    else nothing(box, isModel() ? "Ctrl ↵ shows the first rows of this text, or of what is chosen in it." : "Open a model to see its rows here.");
    if (chosenOf(list) === "results") note();
    return;
  }
  result.draw(box);
  if (document.failure) showFailure(box, document.failure, true);
  if (chosenOf(list) !== "results") return;
  acts.append(one("#pane-result-acts").content.cloneNode(true));
  showPager(acts, result);
  const many = result.rows.length >= result.limit ? `first ${result.rows.length} rows` : `${result.rows.length} ${result.rows.length === 1 ? "row" : "rows"}`;
  note(`${result.selection ? "of what was chosen, " : ""}${many}, ${result.took.toFixed(2)} s, at ${result.at.toTimeString().slice(0, 5)}`);
}

function showFailure(box, text, above = false) {
  const banner = one("#work-trouble").content.firstElementChild.cloneNode(true);
  one("h3", banner).textContent = above ? "The last try did not work; these rows are from before" : "No rows";
  one("p", banner).textContent = text;
  one(".actions", banner).remove();
  const holder = window.document.createElement("div");
  holder.className = "work-failure";
  holder.append(banner);
  if (above) box.prepend(holder);
  else box.replaceChildren(holder);
}

// --- compiled ---

async function compile() {
  const document = active();
  show("compiled");
  waiting(pane("compiled"), `Compiling ${nameOf(document.path)}`);
  one("[data-run=cancel]", pane("compiled")).remove();
  const begin = performance.now();
  try {
    const answer = await ask("dbt/compile", { body: { path: document.path, text: document.text } });
    if (answer.problems?.length) {
      problems(document, "dbt", answer.problems);
      document.compiled = null;
      show("problems");
    } else {
      document.compiled = { sql: answer.sql, seconds: (performance.now() - begin) / 1000 };
      problems(document, "dbt", []);
    }
  } catch (error) {
    document.compiled = { error: error.message };
  }
  if (active() === document) drawCompiled();
}

function drawCompiled() {
  const box = pane("compiled");
  compiledView?.destroy();
  compiledView = null;
  const found = active()?.compiled;
  if (!found) return nothing(box, isModel() ? "Ctrl Alt ↵ compiles this text." : "Open a model to see its SQL here.");
  if (found.error) return showFailure(box, found.error);
  box.replaceChildren();
  compiledView = workspace.bundle.open(box, workspace.bundle.make(found.sql, { path: "compiled.sql", readOnly: true, label: "Compiled SQL", tab: config.settings.tab }));
  if (chosenOf(list) === "compiled") note(`compiled in ${found.seconds.toFixed(2)} s`);
  return undefined;
}

// --- problems ---

// What one source (dbt, lint) says of a document; the names that lead nowhere are found here anew each time.
function problems(document, source, found) {
  document.told = { ...document.told, [source]: found.map((one) => ({ ...one, source })) };
  gatherProblems(document);
}

function gatherProblems(document) {
  if (!document.isText) return;
  const own = unknown(document);
  const lines = new Set(own.map((one) => one.line));
  const said = Object.values(document.told ?? {}).flat().filter((one) => !(one.source === "dbt" && lines.has(one.line ?? 1)));
  document.problems = [...own, ...said].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  document.apply(workspace.bundle.markProblems(document.state, document.problems.filter((one) => here(document, one))));
  if (document === active()) drawProblems();
}

// What dbt says may lie in another file, which keeps this one from being read.
const here = (document, problem) => !problem.path || problem.path === document.path;

function drawProblems() {
  const found = active()?.problems ?? [];
  const count = one("[data-problem-count]");
  count.hidden = found.length === 0;
  count.textContent = found.length;
  count.dataset.state = found.some((one) => one.severity !== "warning") ? "ERROR" : "WARN";
  const box = pane("problems");
  if (!found.length) return nothing(box, active()?.isText ? "Nothing is wrong here, as far as can be seen." : "Open a file to see its problems here.");
  const rows = window.document.createElement("ul");
  rows.className = "problems";
  rows.append(...found.map((problem) => {
    const row = one("#pane-problem").content.firstElementChild.cloneNode(true);
    row.dataset.state = problem.severity === "warning" ? "WARN" : "ERROR";
    one("a", row).dataset.line = problem.line ?? 1;
    one("a", row).dataset.column = problem.column ?? 1;
    one("a", row).dataset.path = problem.path ?? "";
    one("span", row).textContent = problem.rule ? `${problem.rule}: ${problem.message}` : problem.message;
    one(".where", row).textContent = `${here(active(), problem) ? "" : `${nameOf(problem.path)} `}${problem.line ?? 1}:${problem.column ?? 1}`;
    return row;
  }));
  box.replaceChildren(rows);
  return undefined;
}

function check(document) {
  clearTimeout(timer);
  gatherProblems(document);
  if (!checks || !config.may_write || !/\.(sql|ya?ml)$/.test(document.path) || !workspace.projects.now(document.path)) return;
  timer = setTimeout(async () => {
    const version = document.state.doc;
    document.asking?.abort();
    document.asking = new AbortController();
    try {
      const answer = await ask("dbt/problems", { body: { path: document.path, text: document.text }, signal: document.asking.signal });
      if (document.state.doc === version) problems(document, "dbt", answer.problems ?? []);
    } catch (error) {
      if (error instanceof Refused && [404, 405].includes(error.status)) checks = false;
    }
  }, WAIT);
}

// --- format, lint ---

async function format({ ask: asks = true } = {}) {
  const document = active();
  const answer = await workspace.attempt(() => ask("format", { body: { path: document.path, text: document.text } }));
  if (!answer) return false;
  if (answer.problems?.length) {
    problems(document, "dbt", answer.problems);
    show("problems");
    return false;
  }
  if (answer.text === document.text) {
    if (asks) workspace.hint(`${nameOf(document.path)} is formatted already.`);
    return true;
  }
  const sides = { left: { text: document.text, label: "As it is" }, right: { text: answer.text, label: "Formatted" } };
  if (!asks || (await workspace.compare({ title: `Format ${nameOf(document.path)}`, action: "Take it", path: document.path, ...sides }))) document.replace(answer.text);
  return true;
}

async function lint() {
  const document = active();
  const answer = await workspace.attempt(() => ask("lint", { body: { path: document.path, text: document.text } }));
  if (!answer) return;
  problems(document, "lint", answer.problems.map((one) => ({ severity: "warning", ...one })));
  show("problems");
  if (!answer.problems.length) workspace.hint("The linter has nothing to say.");
}

// --- runs ---

async function start(verb, reach) {
  const document = active();
  await workspace.saveAll();
  const started = await workspace.attempt(() => ask("dbt/run", { body: { verb, path: document?.path ?? "", reach } }));
  if (!started) return;
  runs.add(started.execution, titleOf(verb, reach, nameOf(document?.path ?? "").replace(/\.\w+$/, "")));
  show("runs");
}

function titleOf(verb, reach, name) {
  if (verb === "docs") return "Make the docs";
  return `${verb[0].toUpperCase()}${verb.slice(1)} ${reach === "changed+" ? "what has changed" : reach.replace("this", name)}`;
}

async function drawLog() {
  const box = pane("logs");
  const run = runs.last;
  if (!run) return nothing(box, "The log of what you run stands here.");
  try {
    const lines = await run.log();
    const rows = window.document.createElement("ol");
    rows.className = "work-log";
    rows.append(...lines.slice(-1000).map((line) => {
      const row = window.document.createElement("li");
      row.dataset.state = line.level;
      const time = window.document.createElement("time");
      time.textContent = line.timestamp.slice(11, 19);
      const text = window.document.createElement("span");
      text.textContent = line.message;
      row.append(time, text);
      return row;
    }));
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
    box.replaceChildren(rows);
    if (atEnd) box.scrollTop = box.scrollHeight;
    note(run.title);
  } catch (error) {
    showFailure(box, error.message);
  }
  return undefined;
}

function ended(run) {
  if (chosenOf(list) === "logs" && run === runs.last) void drawLog();
  if (["SUCCESS", "WARNING", "FAILED", "KILLED"].includes(run.state)) {
    say(`${run.title}: ${run.state.toLowerCase()}`);
    workspace.projects.again();
  }
}

export function startBottom(made) {
  workspace = made;
  panel = one(".work-bottom");
  list = one("[data-views]", panel);
  runs = new Runs(pane("runs"), ended);
  nothing(pane("runs"), "What you run, test or build stands here, each model as it happens.");
  workspace.toggle("bottom", false);
  const lineage = new Lineage(workspace, pane("lineage"), { nothing, trouble: showFailure, note: (text) => chosenOf(list) === "lineage" && note(text) });
  const draws = { results: drawResult, compiled: drawCompiled, lineage: () => void lineage.draw(active()), problems: drawProblems, logs: () => void drawLog() };
  list.addEventListener("chosen", (event) => {
    note();
    one("[data-pane-acts]").replaceChildren();
    draws[event.detail]?.();
  });
  workspace.listeners.show.push((document) => {
    if (document?.isText) check(document);
    else drawProblems();
    if (workspace.isShown("bottom")) draws[chosenOf(list)]?.();
  });
  workspace.listeners.text.push(check);
  workspace.listeners.knowledge.push(() => {
    for (const document of workspace.documents.values()) if (document.isText) gatherProblems(document);
    workspace.groups().forEach((group) => group.bar());
    if (["results", "lineage"].includes(chosenOf(list)) && workspace.isShown("bottom")) draws[chosenOf(list)]();
  });
  on("click", "#pane-problems a", (event, link) => {
    event.preventDefault();
    const { line, column, path } = link.dataset;
    if (path && path !== active().path) void workspace.open(path, { line: Number(line), column: Number(column) });
    else workspace.goTo(active(), Number(line), Number(column));
  });
  on("click", "[data-build]", (event, button) => {
    button.closest("[popover]").hidePopover();
    void start(button.dataset.build, button.dataset.reach);
  });
  command("preview", "Preview", () => void preview(), { key: "Mod-Enter", icon: "table-2", when: isModel });
  command("compile", "Compile", () => void compile(), { key: "Mod-Alt-Enter", icon: "code", when: isModel });
  command("build-this", "Build this", () => void start("build", "this"), { key: "Mod-Shift-Enter", icon: "hammer", when: mayBuild });
  for (const [verb, icon] of [["build", "hammer"], ["run", "play"], ["test", "flask-conical"]]) {
    for (const [reach, text] of Object.entries(REACH)) {
      if (verb !== "build" || reach !== "this") command(`${verb}-${reach}`, `${verb[0].toUpperCase()}${verb.slice(1)} ${text}`, () => void start(verb, reach), { icon, when: verb === "test" ? inProject : mayBuild });
    }
  }
  command("docs", "Docs of this file, in the catalog", () => location.assign(address("dbt/docs", { path: active().path })), { icon: "book-open", when: () => Boolean(active() && !active().isNew && workspace.projects.folder(active().path) !== null) });
  command("make-docs", "Make the docs: dbt docs generate", () => void start("docs", "this"), { icon: "book-open", when: inProject });
  command("format", "Format", () => void format(), { key: "Alt-Shift-f", icon: "wand-sparkles", when: isModel });
  command("lint", "Lint", () => void lint(), { icon: "list-checks", when: isModel });
  command("problems", "Problems", () => show("problems"), { key: "Mod-Shift-m", icon: "circle-alert" });
  command("lineage", "Lineage of this file", () => show("lineage"), { key: "Alt-l", icon: "waypoints", when: () => Boolean(active()) });
  command("next-problem", "Next problem", () => active().view && workspace.bundle.nextDiagnostic(active().view), { key: "F8", when: () => Boolean(active()?.isText) });
  command("cancel", "Cancel the preview", cancel, { icon: "circle-stop", when: () => running !== null });
  command("profile", "Profile of the columns", () => { const { result } = active(); result.profiled = !result.profiled; drawResult(); }, { icon: "chart-column", when: () => Boolean(active()?.result) });
  command("csv", "Save the rows as CSV", () => saveAs(`${nameOf(active().path).replace(/\.\w+$/, "")}.csv`, active().result.csv()), { icon: "download", when: () => Boolean(active()?.result) });
  command("page-on", "", () => { const { result } = active(); result.page = Math.min(result.pages - 1, result.page + 1); drawResult(); });
  command("page-back", "", () => { const { result } = active(); result.page = Math.max(0, result.page - 1); drawResult(); });
  workspace.format = format;
}
