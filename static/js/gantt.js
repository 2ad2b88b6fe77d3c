// The Gantt: keeps bars growing, takes rows from the socket, filters, opens and closes, moves by keyboard. The server knows everything
// else; the times on the bars are milliseconds from the start of the axis.
import { all, gather, on, one, say } from "./dom.js";
import { watch } from "./execution.js";
import { key } from "./keys.js";
import { duration } from "./times.js";

// As SPANS, TICKS and ROOM in executions/time_axis.py.
const SPANS = [5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200, 10800, 14400, 21600, 28800, 43200, 86400];
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
const ROOM = 0.92;
const GROWING = 250; // ms
const FRESH = 100; // rows
const SVG = "http://www.w3.org/2000/svg";
const UNFINISHED = new Set(["CREATED", "RUNNING", "PAUSED", "RESTARTED", "KILLING", "QUEUED", "RETRYING"]);
const DONE = new Set(["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED", "RETRIED"]);

const page = one("[data-gantt]");
const body = () => one("#gantt-body");
const root = () => one("#gantt");
const rows = () => [...body().children];

let span = 0;
let live = false;
let clock = 0; // performance.now() at which the axis began
const opened = new Map(); // row id → what the user wants: true open, false closed
const filter = { state: "", text: "", path: false };
let path = new Set(); // ids of the steps on the critical path
let chosen = "";

// --- the axis --------------------------------------------------------------------------------------------------------------

function readAxis() {
  const data = root().dataset;
  span = Number(data.span);
  live = data.live === "true";
  clock = performance.now() - Number(data.now);
}

const elapsed = () => performance.now() - clock;
const percent = (moment) => Math.min(100, Math.max(0, (100 * moment) / span));
const write = (value) => `${value.toFixed(2)}%`;

function liveSpan(now) {
  const step = SPANS.find((seconds) => now <= seconds * 1000 * ROOM);
  const day = SPANS[SPANS.length - 1] * 1000;
  return step ? step * 1000 : (Math.floor(now / ROOM / day) + 1) * day;
}

function tickText(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)}\u00a0ms`;
  const whole = Math.round(seconds);
  if (Math.abs(seconds - whole) > 0.01) return `${seconds.toFixed(1)}\u00a0s`;
  const parts = [[Math.floor(whole / 86400), "d"], [Math.floor((whole % 86400) / 3600), "h"], [Math.floor((whole % 3600) / 60), "m"], [whole % 60, "s"]];
  return parts.filter(([value]) => value).map(([value, unit]) => `${value}\u00a0${unit}`).join("\u00a0");
}

function ticks() {
  const step = TICKS.find((tick) => span / (tick * 1000) <= 7.5) ?? TICKS[TICKS.length - 1];
  const made = [];
  for (let n = 1; n * step * 1000 < span * 0.955; n += 1) made.push([write((100 * n * step * 1000) / span), tickText(n * step)]);
  return made;
}

function element(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key_, value] of Object.entries(attributes)) made.setAttribute(key_, value);
  made.textContent = text;
  return made;
}

function drawAxis() {
  const axis = one("#gantt-axis");
  const grid = one("#gantt-grid");
  for (const old of all(":scope > text:not(.origin)", axis)) old.remove();
  for (const old of all(":scope > line:not(.now)", grid)) old.remove();
  for (const [at, text] of ticks()) {
    axis.append(element("text", { x: at, y: 18, dx: 5 }, text));
    grid.prepend(element("line", { x1: at, x2: at, y1: 0, y2: "100%" }));
  }
  const now = one(":scope > .now", axis);
  if (now) axis.append(now); // above the texts
  if (!live) {
    now?.remove();
    one(":scope > .now", grid)?.remove();
  }
}

function place(bar) {
  const from = percent(Number(bar.dataset.from));
  const to = percent(bar.dataset.to === undefined ? elapsed() : Number(bar.dataset.to));
  bar.setAttribute("x", write(from));
  bar.setAttribute("width", write(Math.max(to - from, 0.12)));
}

// What the rows are like in sum, and which go on: kept with each row that comes, so that nothing reads thousands of them for one.
const states = new Map(); // state → how many rows
const going = new Set(); // rows with a bar or a time that goes on
let iterations = 0; // rows of an opened loop

function note(row, by) {
  states.set(row.dataset.state, (states.get(row.dataset.state) ?? 0) + by);
  if ("iteration" in row.dataset) iterations += by;
  const goesOn = (row.dataset.from !== undefined && row.dataset.to === undefined) || one(".bar:not([data-to])", row);
  if (by > 0 && goesOn) going.add(row);
  else going.delete(row);
}

function noteAll() {
  states.clear();
  going.clear();
  iterations = 0;
  for (const row of rows()) note(row, 1);
}

function placeAll() {
  for (const bar of all(".bar", body())) place(bar);
}

function setAxis(next, nextLive) {
  const changed = next !== span || nextLive !== live;
  span = next;
  live = nextLive;
  if (!changed) return;
  drawAxis();
  placeAll();
}

function showDuration(row) {
  if (row.dataset.to !== undefined || row.dataset.from === undefined || !UNFINISHED.has(row.dataset.state)) return;
  one(".gantt-time", row).textContent = duration((elapsed() - Number(row.dataset.from)) / 1000);
}

let grown = 0; // when bars grew last

// Bars that go on grow; everything else stands still.
function grow() {
  grown = performance.now();
  if (!live) return;
  const next = liveSpan(elapsed());
  if (next > span) setAxis(next, true);
  for (const row of going) {
    for (const bar of all(".bar:not([data-to])", row)) place(bar);
    showDuration(row);
  }
  const at = write(percent(elapsed()));
  one("#gantt-axis > .now")?.setAttribute("x", at);
  const line = one("#gantt-grid > .now");
  line?.setAttribute("x1", at);
  line?.setAttribute("x2", at);
}

// --- the tree ----------------------------------------------------------------------------------------------------------------

const isOpen = (row) => row.getAttribute("aria-expanded") !== "false";

function matches(row) {
  if (filter.path && !("critical" in row.dataset)) return false;
  if (filter.state && row.dataset.state !== filter.state) return false;
  return !filter.text || row.dataset.search.includes(filter.text);
}

const isFiltered = () => filter.state !== "" || filter.text !== "" || filter.path;

// Which rows are seen: those below an open row, or with a filter those that match and what stands above them.
function arrange() {
  const list = rows();
  const filtered = isFiltered();
  const seen = new Map();
  let count = 0;
  if (filtered) {
    const byId = new Map(list.map((row) => [row.id, row]));
    for (const row of list) {
      if (!matches(row)) continue;
      count += 1;
      for (let at = row; at && !seen.get(at.id); at = byId.get(`row-${at.dataset.parent}`)) seen.set(at.id, true);
    }
    for (const row of list) hide(row, !seen.get(row.id));
  } else {
    for (const row of list) {
      const parent = seen.get(`row-${row.dataset.parent}`);
      const visible = parent === undefined || parent;
      hide(row, !visible);
      seen.set(row.id, visible && isOpen(row));
    }
    count = list.length;
  }
  showEmpty(count, list.length);
}

function hide(row, value) {
  if (row.hidden !== value) row.hidden = value;
}

function showEmpty(count, total) {
  const empty = one("#gantt-empty");
  empty.hidden = count > 0;
  for (const part of all("[data-filtered]", empty)) part.hidden = total === 0;
  for (const part of all("[data-none]", empty)) part.hidden = total > 0;
  if (!one('.gantt-row[tabindex="0"]:not([hidden])', body())) {
    for (const row of all('.gantt-row[tabindex="0"]', body())) row.tabIndex = -1;
    const first = one(".gantt-row:not([hidden])", body());
    if (first) first.tabIndex = 0;
  }
}

function setOpen(row, value) {
  if (!row.hasAttribute("aria-expanded")) return;
  row.setAttribute("aria-expanded", String(value));
  opened.set(row.id, value);
  arrange();
}

function count() {
  const total = body().childElementCount;
  const unnamed = new Map(states);
  for (const button of all("[data-filter-state]", one("#gantt-states"))) {
    const state = button.dataset.filterState;
    const number = state ? (states.get(state) ?? 0) : total;
    one(".count", button).textContent = String(number);
    button.toggleAttribute("data-none", number === 0);
    unnamed.delete(state);
  }
  for (const [state, number] of unnamed) if (number) addState(state, number);
  const done = [...DONE].reduce((sum, state) => sum + (states.get(state) ?? 0), 0);
  one("#gantt-progress").textContent = live && total ? `${done} of ${total} done` : "";
  if (live && total) say(`${done} of ${total} rows done`);
}

function addState(state, number) {
  const icon = one(`.gantt-row[data-state="${state}"] .state-icon`, body());
  if (!icon) return;
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  button.dataset.filterState = state;
  const figure = document.createElement("span");
  figure.className = "count";
  figure.dataset.state = state;
  figure.textContent = String(number);
  button.append(icon.cloneNode(true), figure);
  one("#gantt-states").append(button);
}

// --- rows that come ----------------------------------------------------------------------------------------------------------

const maker = document.createElement("template");

const last = new Map(); // row id → id of the last row right below it; "" → the last of the first level

function insert(row) {
  const parent = row.dataset.parent ? document.getElementById(`row-${row.dataset.parent}`) : null;
  const after = isLast(row, parent) ? lastBelow(parent) : before(row, parent);
  if (after) after.after(row);
  else body().prepend(row);
  if (isLast(row, parent) || !isBeside(row, lastChild(parent))) last.set(parent?.id ?? "", row.id);
}

const level = (row) => Number(row.getAttribute("aria-level"));
const position = (row) => Number(row.dataset.position);
const lastChild = (parent) => document.getElementById(last.get(parent?.id ?? "") ?? "");
const isBeside = (row, other) => other !== null && other.dataset.parent === row.dataset.parent;

// Most rows that come are the newest below their parent, which needs no search among thousands.
function isLast(row, parent) {
  const child = lastChild(parent);
  return isBeside(row, child) && position(child) <= position(row);
}

function lastBelow(parent) {
  let at = parent;
  for (let child = lastChild(at); child && child !== at; child = lastChild(at)) at = child;
  return at;
}

// Siblings stand in order of creation, each followed by what is below it.
function before(row, parent) {
  let after = parent;
  let at = parent ? parent.nextElementSibling : body().firstElementChild;
  while (at && (!parent || level(at) > level(parent))) {
    if (level(at) === level(row) && position(at) > position(row)) break;
    after = at;
    at = at.nextElementSibling;
  }
  return after;
}

// What is last below each row, by reading all of them.
function noteLast() {
  last.clear();
  for (const row of rows()) last.set(row.dataset.parent ? `row-${row.dataset.parent}` : "", row.id);
}

// Whether a row is in view the browser finds out in a frame of its own, for each one that comes: for the newest it need not.
let fresh = [];

function keepFresh(row) {
  row.toggleAttribute("data-fresh", true);
  fresh.push(row);
  if (fresh.length < 2 * FRESH) return;
  for (const old of fresh.splice(0, FRESH)) if (!fresh.includes(old)) old.removeAttribute("data-fresh");
}

// Puts a row where it belongs; answers whether rows below it are to be shown or hidden now.
function take(html) {
  maker.innerHTML = html;
  const row = maker.content.firstElementChild;
  const old = document.getElementById(row.id);
  const wanted = opened.get(row.id);
  const wasOpen = old && isOpen(old);
  if (old) note(old, -1);
  if (wanted !== undefined && row.hasAttribute("aria-expanded")) row.setAttribute("aria-expanded", String(wanted));
  if (row.id === `row-${chosen}`) row.setAttribute("aria-selected", "true");
  if (!old) {
    insert(row);
  } else if (old.dataset.parent !== row.dataset.parent) {
    row.tabIndex = old.tabIndex; // a test whose model has become known
    old.remove();
    noteLast();
    insert(row);
  } else if (old.contains(document.activeElement)) {
    for (const { name } of [...old.attributes]) if (!row.hasAttribute(name) && name !== "tabindex") old.removeAttribute(name);
    for (const { name, value } of row.attributes) if (name !== "tabindex") old.setAttribute(name, value);
    old.replaceChildren(...row.childNodes);
    if (!old.contains(document.activeElement)) old.focus({ preventScroll: true });
  } else {
    row.tabIndex = old.tabIndex;
    old.replaceWith(row);
  }
  const here = document.getElementById(row.id);
  const above = document.getElementById(`row-${here.dataset.parent}`);
  hide(here, above !== null && (above.hidden || !isOpen(above)));
  here.toggleAttribute("data-critical", path.has(here.id.slice(4)));
  for (const bar of all(".bar", here)) place(bar);
  note(here, 1);
  showDuration(here);
  keepFresh(here);
  return old !== null && wasOpen !== isOpen(here);
}

// --- what is told above the rows: critical path, what is left, what is slow ----------------------------------------------------

function mark(id) {
  document.getElementById(`row-${id}`)?.toggleAttribute("data-critical", path.has(id));
  if (root().dataset.by) one(`.bar[data-step="${id}"]`, body())?.toggleAttribute("data-critical", path.has(id));
}

let insightsFrom = "";

async function fetchInsights() {
  const old = one("#gantt-insights");
  insightsFrom = old.dataset.insights ?? insightsFrom;
  const answer = await fetch(insightsFrom, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok || old.contains(document.activeElement)) return;
  maker.innerHTML = await answer.text();
  const next = maker.content.querySelector("#gantt-insights");
  const details = one("details", next);
  if (details && one("details", old)?.open) details.open = true;
  one("[data-path-toggle]", next)?.setAttribute("aria-pressed", String(filter.path));
  old.replaceWith(next);
  const before = path;
  path = new Set((next.dataset.path ?? "").split(" ").filter(Boolean));
  for (const id of new Set([...before, ...path])) if (before.has(id) !== path.has(id)) mark(id);
  if (filter.path) arrange();
}

const insightsSoon = gather(fetchInsights, 3000);

function changed(message) {
  insightsSoon();
  if (root().dataset.by) {
    reloadSoon();
    return;
  }
  clock = performance.now() - message.now;
  setAxis(message.live ? Math.max(liveSpan(message.now), span) : message.span, message.live);
  let hiding = isFiltered() || body().childElementCount === 0;
  for (const html of message.rows) hiding = take(html) || hiding;
  if (hiding) arrange();
  if (message.rows.length) {
    count();
    const missing = message.count - here();
    if (iterations && message.rows.some((html) => html.includes(" data-loop"))) reloadSoon();
    else if (missing < 0) reload();
    else if (missing > 0) reloadWhereMissing(message.count);
    else if (chosen && message.rows.some((html) => html.includes(`id="row-${chosen}"`))) showPane();
  }
  grow();
}

const here = () => body().childElementCount - iterations;

// The server counts rows that begin while it reads the others, and tells of them a moment later: by then so many must be here.
const reloadWhereMissing = gather((count_) => {
  if (here() < count_) reload();
}, 2000);

async function fetchAll() {
  const answer = await fetch(page.dataset.url + location.search, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  const scroller = one("#gantt-scroll");
  const top = scroller.scrollTop;
  maker.innerHTML = await answer.text();
  const next = maker.content.querySelector("#gantt");
  root().replaceWith(next);
  readAxis();
  for (const [id, value] of opened) document.getElementById(id)?.setAttribute("aria-expanded", String(value));
  if (chosen) document.getElementById(`row-${chosen}`)?.setAttribute("aria-selected", "true");
  for (const id of path) mark(id);
  fresh = [];
  noteLast();
  noteAll();
  arrange();
  count();
  one("#gantt-scroll").scrollTop = top;
  link.seq = Math.max(link.seq, Number(next.dataset.seq));
}

const reload = gather(fetchAll, 300);
const reloadSoon = gather(fetchAll, 2000); // an opened page of a loop that goes on

// --- what the user does --------------------------------------------------------------------------------------------------------

function choose(id, focus = false) {
  if (id.startsWith("lane-")) return;
  for (const old of all('.gantt-row[aria-selected="true"]', body())) old.removeAttribute("aria-selected");
  chosen = id;
  const url = new URL(location.href);
  if (id) url.searchParams.set("row", id);
  else url.searchParams.delete("row");
  history.replaceState(history.state, "", url);
  const row = id && document.getElementById(`row-${id}`);
  if (!row && !(id && root().dataset.by)) {
    one("#step-pane").replaceChildren();
    return;
  }
  row?.setAttribute("aria-selected", "true");
  if (focus && row) focusRow(row);
  showPane();
}

const showPane = gather(async () => {
  const wanted = chosen;
  if (!wanted) return;
  const answer = await fetch(`${page.dataset.url}rows/${wanted}/`, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok || chosen !== wanted) return;
  const pane = one("#step-pane");
  const log = one(".step-log", pane);
  const atEnd = log && log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  const top = log?.scrollTop ?? 0;
  if (pane.contains(document.activeElement) && document.activeElement !== document.body) return;
  pane.innerHTML = await answer.text();
  window.htmx?.process(pane);
  showTab(one(`[data-pane-tab="${tab}"]`, pane) ? tab : "log");
  const next = one(".step-log", pane);
  if (next && log) next.scrollTop = atEnd ? next.scrollHeight : top;
  document.getElementById(`row-${wanted}`)?.scrollIntoView({ block: "nearest" });
}, 60);

// Which of log, SQL and rows the pane shows: what was chosen last stays chosen from row to row, where the row has it.
let tab = "log";

function showTab(name) {
  for (const button of all("[data-pane-tab]")) {
    const on_ = button.dataset.paneTab === name;
    button.setAttribute("aria-selected", String(on_));
    button.tabIndex = on_ ? 0 : -1;
  }
  for (const panel of all("[data-pane-panel]")) panel.hidden = panel.dataset.panePanel !== name;
}

function turnTab(event, button) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const list = all("[data-pane-tab]");
  const next = list[(list.indexOf(button) + step + list.length) % list.length];
  next.focus();
  next.click();
}

function focusRow(row) {
  for (const old of all('.gantt-row[tabindex="0"]', body())) old.tabIndex = -1;
  row.tabIndex = 0;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function move(row, step) {
  let at = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  while (at && at.hidden) at = step > 0 ? at.nextElementSibling : at.previousElementSibling;
  if (at) focusRow(at);
}

function pressed(event, row) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const expandable = row.hasAttribute("aria-expanded");
  const actions = {
    ArrowDown: () => move(row, 1),
    ArrowUp: () => move(row, -1),
    ArrowRight: () => ("loop" in row.dataset && !iterations) ? one(".loop-bar", row).click() : (expandable && !isOpen(row) ? setOpen(row, true) : move(row, 1)),
    ArrowLeft: () => {
      if (expandable && isOpen(row)) setOpen(row, false);
      else document.getElementById(`row-${row.dataset.parent}`) && focusRow(document.getElementById(`row-${row.dataset.parent}`));
    },
    Home: () => focusRow(one(".gantt-row:not([hidden])", body())),
    End: () => focusRow(all(".gantt-row:not([hidden])", body()).at(-1)),
    Enter: () => choose(row.id.slice(4)),
    " ": () => (expandable ? setOpen(row, !isOpen(row)) : choose(row.id.slice(4))),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

function nextNotSuccess() {
  const list = rows().filter((row) => !["SUCCESS", "SKIPPED"].includes(row.dataset.state));
  const now = rows().indexOf(document.activeElement?.closest(".gantt-row"));
  const next = list.find((row) => rows().indexOf(row) > now) ?? list[0];
  if (!next) return;
  for (let at = next; at; at = document.getElementById(`row-${at.dataset.parent}`)) {
    if (at !== next && at.hasAttribute("aria-expanded")) {
      at.setAttribute("aria-expanded", "true");
      opened.set(at.id, true);
    }
  }
  arrange();
  choose(next.id.slice(4), true);
}

// --- the hover text -------------------------------------------------------------------------------------------------------------

function showTip(row, x, y, bar = null) {
  const tip = one("#gantt-tip");
  const origin = Date.parse(page.closest("[data-origin]").dataset.origin);
  const clockText = (ms) => new Date(origin + Number(ms)).toLocaleTimeString("en-GB", { hour12: false, timeZone: page.closest("[data-zone]").dataset.zone });
  const { state, from, to } = (bar ?? row).dataset;
  const word = state.charAt(0) + state.slice(1).toLowerCase();
  const head = document.createElement("b");
  head.textContent = bar ? bar.dataset.label : one("a", row).textContent;
  const took = bar ? duration(((to === undefined ? elapsed() : Number(to)) - Number(from)) / 1000) : one(".gantt-time", row).textContent;
  const lines = [[word, took].filter(Boolean).join(" · ")];
  if (from !== undefined) lines.push(`${clockText(from)} to ${to === undefined ? "now" : clockText(to)}`);
  if (row.dataset.tip) lines.push(row.dataset.tip);
  tip.replaceChildren(head, ...lines.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.setProperty("left", `${Math.max(8, Math.min(x + 12, innerWidth - box.width - 8))}px`);
  tip.style.setProperty("top", `${y + box.height + 24 > innerHeight ? y - box.height - 8 : y + 16}px`);
}

function hideTip() {
  one("#gantt-tip").hidden = true;
}

// --- start ------------------------------------------------------------------------------------------------------------------------

let link = { seq: 0 };

function start() {
  readAxis();
  chosen = new URL(location.href).searchParams.get("row") ?? "";
  if (chosen) document.getElementById(`row-${chosen}`)?.setAttribute("aria-selected", "true");
  noteLast();
  noteAll();
  arrange();
  count();
  grow();
  const step = () => {
    if (performance.now() - grown > GROWING - 10) grow(); // else a message had them grow, and a frame more would cost as much as it did
    setTimeout(() => requestAnimationFrame(step), Math.max(0, grown + GROWING - performance.now()));
  };
  step();

  on("click", "#gantt-body .gantt-row", (event, row) => {
    if (event.target.closest(".twisty") && row.hasAttribute("aria-expanded")) {
      setOpen(row, !isOpen(row));
      return;
    }
    if (event.ctrlKey || event.metaKey || event.target.closest(".loop-bar")) return;
    event.preventDefault();
    if (root().dataset.by) {
      const bar = event.target.closest("[data-step]");
      if (bar) choose(bar.dataset.step);
      return;
    }
    choose(row.id.slice(4), true);
  });
  on("dblclick", "#gantt-body .gantt-row", (event, row) => setOpen(row, !isOpen(row)));
  on("keydown", "#gantt-body .gantt-row", pressed);
  on("click", "#step-pane [data-pane-close]", () => {
    const row = document.getElementById(`row-${chosen}`);
    choose("");
    if (row) focusRow(row);
  });
  on("click", "[data-path-toggle]", (event, button) => {
    filter.path = !filter.path;
    button.setAttribute("aria-pressed", String(filter.path));
    arrange();
  });
  on("click", "#gantt-insights [data-row]", (event, link_) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    link_.closest("details").open = false;
    choose(link_.dataset.row, true);
  });
  on("click", "[data-pane-tab]", (event, button) => {
    tab = button.dataset.paneTab;
    showTab(tab);
    if (tab === "sql") one('#panel-sql [data-state="FAILED"]')?.scrollIntoView({ block: "center" });
  });
  on("keydown", "[data-pane-tab]", turnTab);
  on("click", "#gantt-states button", (event, button) => {
    filter.state = button.dataset.filterState;
    for (const other of all("#gantt-states button")) other.setAttribute("aria-pressed", String(other === button));
    arrange();
  });
  one("[data-filter]").addEventListener("input", (event) => {
    filter.text = event.target.value.trim().toLowerCase();
    arrange();
  });
  on("click", "[data-clear]", () => {
    filter.text = filter.state = "";
    filter.path = false;
    one("[data-path-toggle]")?.setAttribute("aria-pressed", "false");
    one("[data-filter]").value = "";
    for (const button of all("#gantt-states button")) button.setAttribute("aria-pressed", String(!button.dataset.filterState));
    arrange();
  });
  one("[data-expand-all]").addEventListener("click", () => {
    const list = all(".gantt-row[aria-expanded]", body());
    const open = list.some((row) => !isOpen(row));
    for (const row of list) {
      row.setAttribute("aria-expanded", String(open));
      opened.set(row.id, open);
    }
    arrange();
  });
  on("pointermove", "#gantt-body .gantt-lane", (event, lane) => showTip(lane.parentElement, event.clientX, event.clientY, event.target.closest("[data-step]")));
  on("pointerout", "#gantt-body .gantt-lane", hideTip);
  on("focusin", "#gantt-body .gantt-row", (event, row) => {
    if (!row.matches(":focus-visible")) return;
    const box = row.getBoundingClientRect();
    showTip(row, one(".gantt-lane", row).getBoundingClientRect().left, box.top + 8);
  });
  on("focusout", "#gantt-body .gantt-row", hideTip);
  one("#gantt-scroll").addEventListener("scroll", hideTip, { passive: true });

  key("s", "Next row that is not a success", nextNotSuccess);
  key("l", "Log lines of the chosen row", () => one("#step-pane a[href*='/logs/']")?.click());

  fetchInsights();
  link = watch("gantt", { "gantt.changed": changed }, reload);
}

if (page) start();
