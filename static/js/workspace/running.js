// Executions that were started here: their task runs and steps, drawn again whenever the server says that something changed, and their log.
import { gather, one } from "../dom.js";
import { connect } from "../live.js";

const ENDED = new Set(["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "SKIPPED", "RETRIED"]);
const MOST = 10;
const API = "/api/v1/main";

export function stateIcon(element, state) {
  element.dataset.state = state;
  const template = one(`template[data-state-icon="${state}"]`) ?? one(`template[data-state-icon="${ENDED.has(state) ? "SKIPPED" : ["QUEUED", "SUBMITTED"].includes(state) ? "CREATED" : "RUNNING"}"]`);
  element.replaceChildren(one("svg", template.content).cloneNode(true));
  element.title = state.toLowerCase();
}

function seconds(state) {
  const from = Date.parse(state.startDate);
  const took = ((state.endDate ? Date.parse(state.endDate) : Date.now()) - from) / 1000;
  return took < 60 ? `${took.toFixed(1)} s` : `${Math.floor(took / 60)} m ${Math.round(took % 60)} s`;
}

async function read(path) {
  const answer = await fetch(API + path, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).message ?? `The server answered ${answer.status}.`);
  return answer.json();
}

class Run {
  constructor(execution, title, tell) {
    Object.assign(this, execution, { title, tell, state: "CREATED" });
    this.element = one("#pane-run").content.firstElementChild.cloneNode(true);
    one("[data-title]", this.element).textContent = title;
    one("[data-link]", this.element).href = execution.url;
    this.draw = gather(() => void this.refresh(), 200);
    this.link = connect(`/ws/executions/${this.id}/?view=gantt`, { on: { "*": () => this.draw() }, onGap: () => this.draw(), onOpen: () => this.draw() });
    void this.refresh();
  }

  async refresh() {
    let found;
    try {
      found = await read(`/executions/${this.id}`);
    } catch {
      return; // the socket says when there is more to read
    }
    const before = this.state;
    this.state = found.state.current;
    this.found = found;
    const chip = one(".state", this.element);
    stateIcon(chip, this.state);
    chip.append(this.state[0] + this.state.slice(1).toLowerCase());
    const runs = found.taskRunList ?? [];
    const steps = runs.filter((run) => run.dynamic);
    const shown = steps.length ? steps : runs;
    const done = shown.filter((run) => ENDED.has(run.state.current)).length;
    one("[data-about]", this.element).textContent = `${shown.length ? `${done} of ${shown.length}, ` : ""}${seconds(found.state)}`;
    const list = one("ol", this.element);
    const rows = shown.slice(-400).map((run) => this.row(run, list));
    list.replaceChildren(...rows);
    if (ENDED.has(this.state)) {
      this.link.close();
      clearInterval(this.clock);
    }
    if (before !== this.state) this.tell(this);
  }

  row(run, list) {
    const id = `step-${run.id}`;
    const element = [...list.children].find((one) => one.id === id) ?? one("#pane-step").content.firstElementChild.cloneNode(true);
    element.id = id;
    if (element.dataset.state !== run.state.current) stateIcon(one(".state-icon", element), run.state.current);
    element.dataset.state = run.state.current;
    one("[data-name]", element).textContent = run.taskId;
    one("[data-time]", element).textContent = run.state.current === "CREATED" ? "" : seconds(run.state);
    return element;
  }

  async log() {
    return read(`/logs/${this.id}?minLevel=INFO`);
  }
}

export class Runs {
  constructor(box, tell) {
    Object.assign(this, { box, tell, list: [] });
  }

  add(execution, title) {
    const run = new Run(execution, title, this.tell);
    this.list.unshift(run);
    for (const old of this.list.splice(MOST)) {
      old.link.close();
      old.element.remove();
    }
    if (this.list.length === 1) this.box.replaceChildren();
    this.box.prepend(run.element);
    return run;
  }

  get last() { return this.list[0] ?? null; }
}
