// The Logs tab: holds a few windows of 500 lines, asks the server for others as one scrolls, and lets the server find the next line of a level
// or with a text, so that a million lines behave like a hundred.
import { all, gather, on, one } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { watch } from "./execution.js";
import { key } from "./keys.js";
import { toast } from "./toasts.js";

const SIZE = 500;
const HELD = 1500; // lines kept in the page
const TALLEST = 12_000_000; // pixels that browsers can scroll without losing precision

const page = one("[data-logs]");
const scroller = one("#log-lines");
const status = { place: one("[data-log-place]"), found: one("[data-log-found]") };
const list = () => one("#log-window");
let rowHeight = 20;
let offset = 0; // lines shown before the first that is held
let total = 0;
let loading = false;
let following = false;
let waiting = 0; // new lines below that nobody has seen
let current = 0; // the line that jumps start from
let link = null;
let ticket = 0;

const number = (text) => Number(text).toLocaleString("en-US").replaceAll(",", "\u202f");

// --- the filter, which is in the URL -------------------------------------------------------------------------------------------

function query() {
  const url = new URL(location.href);
  const made = new URLSearchParams();
  for (const name of ["level", "q", "run", "step", "only"]) if (url.searchParams.get(name)) made.set(name, url.searchParams.get(name));
  return made;
}

function setQuery(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  url.searchParams.delete("line");
  history.replaceState(history.state, "", url);
  page.toggleAttribute("data-one", Boolean(url.searchParams.get("step")));
  tell();
}

// The consumer sends new lines as they are filtered here.
function tell() {
  const wanted = query();
  const message = { type: "log.filter", level: wanted.get("level") ?? "", run: wanted.get("run") ?? "", step: wanted.get("step") ?? "", q: wanted.get("only") ? (wanted.get("q") ?? "") : "" };
  link?.send(message);
}

// --- windows -----------------------------------------------------------------------------------------------------------------------

function scaled(lines) {
  const full = total * rowHeight;
  return lines * rowHeight * (full > TALLEST ? TALLEST / full : 1);
}

function measure() {
  const held = list().children.length;
  if (held > 50) rowHeight = Math.max(20, list().offsetHeight / held);
  one('[data-spacer="above"]').style.setProperty("height", `${scaled(offset)}px`);
  one('[data-spacer="below"]').style.setProperty("height", `${scaled(Math.max(0, total - offset - held))}px`);
  one("#log-empty").hidden = total > 0;
  showPlace();
}

async function ask(path, changes) {
  const wanted = query();
  for (const [name, value] of Object.entries(changes)) wanted.set(name, value);
  const answer = await fetch(`${page.dataset.url}${path}?${wanted}`, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  return answer.ok ? answer : null;
}

const maker = document.createElement("template");

async function fetchWindow(changes) {
  const answer = await ask("window/", changes);
  if (!answer) return null;
  maker.innerHTML = await answer.text();
  return maker.content.firstElementChild;
}

// Replace what is held by the window that `changes` asks for, and bring line `to` into view.
async function show(changes, to = 0, place = "center") {
  const mine = ++ticket;
  loading = true;
  try {
    const next = await fetchWindow(changes);
    if (!next || mine !== ticket) return;
    list().replaceWith(next);
    offset = Number(next.dataset.offset);
    total = Number(next.dataset.total);
    measure();
    if (to) reveal(to, place);
    else if (changes.end) scroller.scrollTop = scroller.scrollHeight;
    else if (changes.offset === undefined) scroller.scrollTop = 0;
  } finally {
    if (mine === ticket) loading = false;
  }
}

const firstHeld = () => Number(list().firstElementChild?.id.slice(1) ?? 0);
const lastHeld = () => Number(list().lastElementChild?.id.slice(1) ?? 0);

async function extend(down) {
  if (loading || !list().children.length) return;
  const held = list().children.length;
  if (down ? offset + held >= total : offset <= 0) return;
  loading = true;
  const mine = ++ticket;
  try {
    const next = await fetchWindow(down ? { after: lastHeld() } : { before: firstHeld() });
    if (!next || mine !== ticket) return;
    total = Number(next.dataset.total);
    const came = [...next.children];
    const before = scroller.scrollTop;
    const anchor = down ? null : list().firstElementChild;
    const at = anchor?.getBoundingClientRect().top ?? 0;
    if (down) list().append(...came);
    else {
      list().prepend(...came);
      offset -= came.length;
    }
    const surplus = list().children.length - HELD;
    if (surplus > 0) {
      const gone = down ? [...list().children].slice(0, surplus) : [...list().children].slice(-surplus);
      const keep = down ? list().children[surplus] : null;
      const keepAt = keep?.getBoundingClientRect().top ?? 0;
      for (const line of gone) line.remove();
      if (down) offset += surplus;
      measure();
      if (keep) scroller.scrollTop += keep.getBoundingClientRect().top - keepAt;
    } else {
      measure();
    }
    if (anchor) scroller.scrollTop += anchor.getBoundingClientRect().top - at;
    else if (surplus <= 0) scroller.scrollTop = before;
  } finally {
    if (mine === ticket) loading = false;
  }
}

function reveal(line, place = "center") {
  const row = document.getElementById(`L${line}`);
  if (!row) return false;
  row.scrollIntoView({ block: place });
  mark(line);
  return true;
}

function mark(line) {
  for (const old of all("li[aria-current]", list())) old.removeAttribute("aria-current");
  current = line;
  document.getElementById(`L${line}`)?.setAttribute("aria-current", "true");
  showPlace();
}

async function goTo(line, { address = true } = {}) {
  stopFollowing();
  if (!reveal(line)) await show({ line }, line);
  if (address) history.replaceState(history.state, "", `#L${line}`);
}

// --- scrolling ---------------------------------------------------------------------------------------------------------------------

function scrolled() {
  const box = scroller.getBoundingClientRect();
  const held = list().getBoundingClientRect();
  if (following && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight > 60) stopFollowing();
  if (scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 4) showWaiting(0);
  showVisible();
  if (loading || !total) return;
  if (held.bottom < box.top || held.top > box.bottom) {
    const above = one('[data-spacer="above"]').offsetHeight;
    const whole = scroller.scrollHeight - held.height;
    const lines = total - list().children.length;
    const at = scroller.scrollTop < above ? Math.floor((scroller.scrollTop / Math.max(1, whole)) * lines) : Math.floor(((scroller.scrollTop - held.height) / Math.max(1, whole)) * lines) + list().children.length;
    jumpTo(Math.max(0, Math.min(total - 1, at)));
    return;
  }
  if (held.bottom < box.bottom + 3000) extend(true);
  else if (held.top > box.top - 3000) extend(false);
}

const jumpTo = gather(async (at) => {
  const start = Math.max(0, at - SIZE / 2);
  await show({ offset: start });
  const row = list().children[Math.max(0, at - offset)] ?? list().lastElementChild;
  row?.scrollIntoView({ block: "start" });
}, 80);

function showVisible() {
  const mark_ = one("#log-rail .log-visible");
  if (!mark_ || !total) return;
  const first = list().firstElementChild;
  if (!first) return;
  const top = scroller.getBoundingClientRect().top;
  const before = offset + Math.max(0, (top - list().getBoundingClientRect().top) / rowHeight);
  const share = Math.min(1, scroller.clientHeight / rowHeight / total);
  mark_.setAttribute("y", `${((100 * before) / total).toFixed(2)}%`);
  mark_.setAttribute("height", `${Math.max(1, 100 * share).toFixed(2)}%`);
}

function showPlace() {
  status.place.textContent = current ? `Line ${number(current)} of ${number(root().dataset.line)}` : total ? `${number(total)} line${total === 1 ? "" : "s"}` : "";
  showVisible();
}

const root = () => one("[data-execution]");

// --- jumps ---------------------------------------------------------------------------------------------------------------------------

function start(back) {
  if (current && document.getElementById(`L${current}`)) return current;
  const top = scroller.getBoundingClientRect().top;
  const row = [...list().children].find((line) => line.getBoundingClientRect().bottom > top + 1);
  if (!row) return 0;
  return Number(row.id.slice(1)) - (back ? 0 : 1);
}

async function find(what, back) {
  const changes = { from: String(start(back)) };
  if (back) changes.back = "1";
  if (what === "text") {
    if (!one("[data-log-search]").value) return one("[data-log-search]").focus();
  } else {
    changes.jump = what;
  }
  const answer = await ask("find/", changes);
  const found = await answer?.json();
  if (!found) return;
  if (found.number === null) {
    status.found.textContent = what === "text" ? "No line has this text" : `No ${what} line`;
    if (what === "text") one("[data-search-count]").textContent = "0";
    return;
  }
  await goTo(found.number);
  if (what === "text") {
    one("[data-search-count]").textContent = `${number(found.index)} of ${number(found.total)}`;
    status.found.textContent = `${number(found.total)} match${found.total === 1 ? "" : "es"}`;
  } else {
    one(`[data-jump="${what}"] [data-level-count]`).textContent = `${number(found.index)} / ${number(found.total)}`;
  }
}

function showCounts(counts) {
  const names = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
  for (const box of all("[data-jump]")) {
    const count = counts[names.indexOf(box.dataset.jump)] ?? 0;
    one("[data-level-count]", box).textContent = number(count);
    box.toggleAttribute("data-none", !count);
  }
}

async function drawRail() {
  const answer = await ask("rail/", {});
  if (!answer) return;
  maker.innerHTML = await answer.text();
  one("#log-rail").replaceWith(maker.content.firstElementChild);
  showVisible();
}

// --- new lines -----------------------------------------------------------------------------------------------------------------------

function showWaiting(count) {
  waiting = count;
  const button = one("[data-log-new]");
  button.hidden = !count || following;
  one("span", button).textContent = `${number(count)} new line${count === 1 ? "" : "s"}`;
}

function appended(message) {
  root().dataset.line = String(message.total);
  showCounts(message.counts);
  redrawRail();
  refreshSources();
  if (!message.count) return;
  const held = list().children.length;
  const complete = offset + held >= total;
  total += message.count;
  if (message.gap || !complete || loading) {
    if (following) show({ end: 1 });
    else {
      showWaiting(waiting + message.count);
      recount();
    }
    return;
  }
  maker.innerHTML = message.html;
  const came = [...maker.content.children].filter((line) => !document.getElementById(line.id));
  list().append(...came);
  total = offset + list().children.length;
  const surplus = list().children.length - HELD;
  if (following && surplus > 0) {
    for (const line of [...list().children].slice(0, surplus)) line.remove();
    offset += surplus;
  }
  measure();
  if (following) scroller.scrollTop = scroller.scrollHeight;
  else if (scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight > 30) showWaiting(waiting + came.length);
  if (!following && held === 0) showWaiting(0);
}

const recount = gather(measure, 500);
const redrawRail = gather(drawRail, 2000);
const refreshSources = gather(async () => {
  const wanted = query();
  const answer = await fetch(`${page.dataset.url}sources/?${wanted}`, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  const old = one("#log-steps");
  if (old.contains(document.activeElement)) return;
  maker.innerHTML = await answer.text();
  const top = old.scrollTop;
  old.replaceWith(maker.content.firstElementChild);
  one("#log-steps").scrollTop = top;
}, 2000);

function follow() {
  following = true;
  one("[data-log-follow]").setAttribute("aria-pressed", "true");
  showWaiting(0);
  if (offset + list().children.length < total) show({ end: 1 });
  else scroller.scrollTop = scroller.scrollHeight;
}

function stopFollowing() {
  following = false;
  one("[data-log-follow]").setAttribute("aria-pressed", "false");
}

// --- links -----------------------------------------------------------------------------------------------------------------------------

function chooseLine(event, anchor) {
  event.preventDefault();
  const line = Number(anchor.closest("li").id.slice(1));
  for (const old of all("li[data-range]", list())) old.removeAttribute("data-range");
  if (event.shiftKey && current) {
    const [low, high] = [Math.min(current, line), Math.max(current, line)];
    for (const row of list().children) {
      const at = Number(row.id.slice(1));
      row.toggleAttribute("data-range", at >= low && at <= high);
    }
    history.replaceState(history.state, "", `#L${low}-L${high}`);
    return;
  }
  mark(line);
  history.replaceState(history.state, "", `#L${line}`);
}

async function copyLink() {
  const url = new URL(location.href);
  if (current && !/^#L\d+-L/.test(url.hash)) url.hash = `#L${current}`;
  await navigator.clipboard?.writeText(url.href);
  toast("Link copied");
}

// --- start -------------------------------------------------------------------------------------------------------------------------------

const searched = gather(async () => {
  const text = one("[data-log-search]").value.trim();
  setQuery({ q: text });
  one("[data-search-count]").textContent = "";
  status.found.textContent = "";
  drawRail();
  if (one("[data-log-only]").checked) await show({}, 0);
  else if (list().children.length) {
    const at = current || firstHeld();
    const top = scroller.scrollTop;
    await show({ after: firstHeld() - 1 });
    scroller.scrollTop = top;
    current = at;
  }
  if (text) {
    current = current ? current - 1 : 0;
    find("text", false);
  }
}, 350);

function filterBySource(event, anchor) {
  event.preventDefault();
  for (const other of all("#log-steps a[aria-current]")) other.removeAttribute("aria-current");
  anchor.setAttribute("aria-current", "true");
  setQuery({ run: anchor.dataset.run, step: anchor.dataset.step });
  current = 0;
  show({});
  drawRail();
}

function start_() {
  const window_ = list();
  offset = Number(window_.dataset.offset);
  total = Number(window_.dataset.total);
  page.toggleAttribute("data-one", Boolean(query().get("step")));
  measure();
  for (const box of all("[data-jump]")) box.toggleAttribute("data-none", one("[data-level-count]", box).textContent === "0");

  scroller.addEventListener("scroll", scrolled, { passive: true });
  one("[data-log-level]").addEventListener("change", (event) => {
    setQuery({ level: event.target.value === "TRACE" ? "" : event.target.value });
    show(current ? { line: current } : {}, current);
    drawRail();
  });
  one("[data-log-search]").addEventListener("input", searched);
  one("[data-log-search]").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    find("text", event.shiftKey);
  });
  one("[data-log-only]").addEventListener("change", (event) => {
    setQuery({ only: event.target.checked ? "1" : "" });
    show(current ? { line: current } : {}, current);
  });
  on("click", "[data-find]", (event, button) => find(button.dataset.find, button.hasAttribute("data-back")));
  on("click", "#log-steps a", filterBySource);
  on("click", "#log-window .log-number", chooseLine);
  on("click", "[data-log-clear]", () => {
    one("[data-log-level]").value = "TRACE";
    one("[data-log-only]").checked = false;
    setQuery({ level: "", only: "" });
    show({});
  });
  on("click", "[data-log-follow]", () => (following ? stopFollowing() : follow()));
  on("click", "[data-log-new]", () => {
    showWaiting(0);
    if (offset + list().children.length < total) show({ end: 1 });
    else scroller.scrollTop = scroller.scrollHeight;
  });
  on("click", "[data-log-wrap]", (event, button) => {
    const value = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(value));
    page.toggleAttribute("data-wrap", value);
    measure();
  });
  on("click", "[data-log-download]", (event, anchor) => {
    const wanted = query();
    if (!wanted.get("only")) wanted.delete("q");
    anchor.href = `${anchor.href.split("?")[0]}?${wanted}`;
  });
  on("click", "#log-rail", (event, rail) => {
    const share = event.offsetY / rail.getBoundingClientRect().height;
    jumpTo(Math.floor(share * total));
  });
  one("#goto-line form").addEventListener("submit", () => {
    const line = Number(one("#goto-number").value);
    if (Number.isInteger(line) && line > 0) goTo(Math.min(line, Number(root().dataset.line)));
  });

  key("e", "Next ERROR", () => find("ERROR", false));
  key("E", "Previous ERROR", () => find("ERROR", true));
  key("w", "Next WARN", () => find("WARN", false));
  key("W", "Previous WARN", () => find("WARN", true));
  key("i", "Next INFO", () => find("INFO", false));
  key("I", "Previous INFO", () => find("INFO", true));
  key("n", "Next match", () => find("text", false));
  key("N", "Previous match", () => find("text", true));
  key("f", "Follow new lines", () => (following ? stopFollowing() : follow()));
  key("y", "Copy the link to the line", copyLink);
  key(":", "Go to line", () => openDialog(one("#goto-line")));

  const hash = /^#L(\d+)/.exec(location.hash);
  if (hash) goTo(Number(hash[1]), { address: false });
  else if (new URL(location.href).searchParams.get("line")) reveal(Number(new URL(location.href).searchParams.get("line")));
  else showVisible();
  addEventListener("hashchange", () => {
    const next = /^#L(\d+)/.exec(location.hash);
    if (next) goTo(Number(next[1]), { address: false });
  });

  link = watch("logs", { "log.appended": appended, "execution.progressed": () => {} });
  tell();
}

if (page) start_();
