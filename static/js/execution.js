// What all tabs of one execution share: the socket, the header, the count of warnings and errors on the Logs tab, a body that is asked for again.
import { all, gather, one, say } from "./dom.js";
import "./inputs.js";
import { connect } from "./live.js";

const root = one("[data-execution]");
const TERMINATED = new Set(["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"]);
let lastState = root ? one("#execution-header .state").dataset.state : "";

// Nothing moves under the pointer: while a menu of the header is open or one of its buttons has the focus, only its state and facts change.
function takeHeader(message) {
  const old = one("#execution-header");
  const maker = document.createElement("template");
  maker.innerHTML = message.html;
  const next = maker.content.firstElementChild;
  const busy = one(":popover-open", old) !== null || (old.contains(document.activeElement) && message.state === lastState);
  if (busy || (message.state === lastState && one(".actions", old).innerHTML === one(".actions", next).innerHTML)) {
    for (const part of [".page-title", ".page-meta"]) {
      if (!one(part, old).isEqualNode(one(part, next))) one(part, old).replaceWith(one(part, next));
    }
  } else {
    old.replaceWith(next);
    window.htmx?.process(next);
  }
  if (message.state !== lastState) {
    say(`${one("h1", one("#execution-header")).textContent}: ${message.state.toLowerCase()}`);
    document.dispatchEvent(new CustomEvent("execution-state", { detail: { state: message.state, terminated: TERMINATED.has(message.state) } }));
  }
  lastState = message.state;
  if (one("#resume-dialog") && (message.state === "PAUSED" || one("#resume-forms .resume-form"))) renewForms();
}

function showCounts({ warnings, errors }) {
  const mark = one("[data-log-count]");
  if (!mark) return;
  mark.hidden = !warnings && !errors;
  mark.dataset.state = errors ? "ERROR" : "WARN";
  mark.textContent = String(errors || warnings);
  mark.title = errors ? `${errors} ERROR` : `${warnings} WARN`;
}

// A body that the server makes whole: asked for again, at most once a second, and never while someone reads or types in it.
async function refresh(body) {
  const selection = document.getSelection();
  const busy = (body.contains(document.activeElement) && document.activeElement !== document.body) || (selection && !selection.isCollapsed && body.contains(selection.anchorNode));
  if (busy) {
    setTimeout(() => again(), 1000);
    return;
  }
  const answer = await fetch(body.dataset.liveBody, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  const maker = document.createElement("template");
  maker.innerHTML = await answer.text();
  const next = maker.content.firstElementChild;
  if (next) {
    body.replaceWith(next);
    window.htmx?.process(next);
  }
}

const again = gather(() => {
  const body = one("[data-live-body]");
  if (body) refresh(body);
}, 600);

// Connects the tab `view`; `on` says what to do with its own messages.
export function watch(view, on = {}, onGap = null) {
  const id = root.dataset.execution;
  const query = { line: Number(root.dataset.line) };
  const link = connect(`/ws/executions/${id}/?view=${view}&line=${query.line}`, {
    seq: Number(root.dataset.seq),
    on: {
      "execution.changed": takeHeader,
      "execution.progressed": again,
      "execution.deleted": () => location.assign("/executions/"),
      "log.counted": (message) => {
        showCounts(message);
        if (view === "detail") again();
      },
      seen: (message) => {
        link.path = `/ws/executions/${id}/?view=${view}&line=${message.line}`;
      },
      ...on,
    },
    onGap,
  });
  return link;
}

// What waits is known only when it pauses, and may change while the dialog is open: forms come and go, what somebody fills in stays.
const renewForms = gather(async () => {
  const dialog = one("#resume-dialog");
  const answer = await fetch(dialog.dataset.formUrl, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const wanted = all(".resume-form", next);
  const place = one("#resume-forms");
  for (const form of all(".resume-form", place)) if (!wanted.some((other) => other.id === form.id)) form.remove();
  let before = null;
  for (const form of wanted) {
    const old = document.getElementById(form.id);
    const now = old ?? document.adoptNode(form);
    if (!old) {
      if (before) before.after(now); else place.prepend(now);
      window.htmx?.process(now);
    }
    before = now;
  }
}, 500);

if (root && !one("[data-gantt], [data-logs], #topology-body")) watch(one("[data-live-body]")?.dataset.view ?? "detail");
