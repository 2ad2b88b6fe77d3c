// The page of lineage: the graph, the panel of the chosen node or column beside it, and the address that says both.
import { all, on, one } from "./dom.js";
import { key } from "./keys.js";
import { Drawing } from "./lineage-drawing.js";

const METHODS = ["source", "exposure", "metric", "semantic_model", "saved_query"]; // kinds that a selector must name

const root = one("[data-lineage]");
const panel = one("#node-panel");
let graph = null, panelUrl = "", asked = 0;

async function load() {
  const response = await fetch(root.dataset.url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!response.ok) return;
  const answer = await response.json();
  panelUrl = answer.panel;
  graph.take(answer);
  readWay();
  graph.fit();
  const wanted = graph.indices.get(root.dataset.chosen) ?? -1;
  if (wanted >= 0) graph.choose(wanted, { open: innerWidth >= 1400, focus: false });
  root.dataset.ready = "true";
}

// What the panel says of a column, as the graph needs it.
function readWay() {
  const holder = one("[data-way]", panel);
  graph.way = null;
  if (!holder) return;
  const told = JSON.parse(holder.dataset.way);
  const { indices } = graph;
  const here = Object.entries(told.columns).filter(([id]) => indices.has(id));
  graph.way = {
    columns: new Map(here.map(([id, columns]) => [indices.get(id), columns])),
    edges: new Set(told.edges.map(([from, to]) => `${indices.get(from)}:${indices.get(to)}`)),
    unknown: new Set(told.unknown.map((id) => indices.get(id)).filter((index) => index !== undefined)),
  };
  const outside = Object.keys(told.columns).filter((id) => !id.startsWith("table:") && !indices.has(id)).length;
  const note = one("[data-way-outside]", panel);
  note.hidden = !outside;
  note.textContent = `${outside} ${outside === 1 ? "node" : "nodes"} of this way ${outside === 1 ? "is" : "are"} not in the selection.`;
}

function chosen(node, open) {
  if (graph.way && graph.onWay(graph.chosen)) return; // the panel goes on telling of the column
  if (open || !panel.hidden) void openPanel(node);
}

async function openPanel(node, column = "") {
  const query = new URLSearchParams(location.search), number = ++asked;
  query.set("node", node.id);
  if (column) query.set("column", column);
  else query.delete("column");
  history.replaceState(history.state, "", `?${query}`);
  const address = (column ? root.dataset.columnUrl : panelUrl).replace("/0/", `/${node.project}/`);
  const response = await fetch(`${address}?${query}`, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  const text = await response.text();
  if (!response.ok || number !== asked) return;
  panel.innerHTML = text;
  panel.hidden = false;
  panel.toggleAttribute("data-way-panel", Boolean(column));
  panel.scrollTop = 0;
  readWay();
  graph.reveal(node);
  graph.draw();
}

function closePanel() {
  panel.hidden = true;
  panel.replaceChildren();
  graph.way = null;
  const query = new URLSearchParams(location.search);
  query.delete("node");
  query.delete("column");
  history.replaceState(history.state, "", query.size ? `?${query}` : location.pathname);
  graph.draw();
  graph.focusChosen();
}

// A column is chosen in the panel, its node with it; one of a node that is not drawn has a page of its own.
function chooseColumn(event, link) {
  const index = link.dataset.node ? graph.indices.get(link.dataset.node) : graph.chosen;
  if (index === undefined || index < 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  graph.way = null;
  graph.choose(index, { open: false, focus: false });
  openPanel(graph.nodes[index], link.dataset.column ?? "").then(() => one("[data-column-back], [data-pane-close]", panel)?.focus({ preventScroll: true }));
}

// From a column back to its node, and there to where it stands among the others.
async function leaveColumn(event) {
  event.preventDefault();
  const column = new URLSearchParams(location.search).get("column");
  const index = graph.indices.get(new URLSearchParams(location.search).get("node")) ?? graph.chosen;
  if (index < 0) return closePanel();
  graph.way = null;
  graph.choose(index, { open: false, focus: false });
  await openPanel(graph.nodes[index]);
  return (one(`[data-column="${CSS.escape(column)}"]`, panel) ?? one("[data-pane-close]", panel))?.focus();
}

async function toColumns() {
  if (graph.chosen < 0) return;
  if (panel.hidden) await openPanel(graph.nodes[graph.chosen]);
  one(".column-list a, .way-place", panel)?.focus();
}

function focusOn(node) {
  const query = new URLSearchParams(location.search);
  query.set("select", `2+${METHODS.includes(node.kind) ? `${node.kind}:` : ""}${node.name}+2`);
  query.set("node", node.id);
  location.search = query;
}

function start() {
  graph = new Drawing(one("[data-stage]", root), {
    icons: root.dataset.icons,
    href: (node) => root.dataset.page.replace("/0/", `/${node.project}/`).replace("UNIQUE_ID", encodeURIComponent(node.id)),
    own: root.dataset.project,
    colour: root.dataset.colour,
    onChoose: chosen,
    onEnter: (node, index) => void openPanel(node, graph.way?.columns.get(index)?.[0]),
  });
  panel.addEventListener("keydown", (event) => {
    const list = all(".column-list a, .way-place[href]", panel), at = list.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    list[Math.min(Math.max(next, 0), list.length - 1)].focus();
  });
  on("click", "#node-panel :is([data-column], [data-node])", chooseColumn);
  on("click", "#node-panel [data-pane-close]", (event, button) => (button.matches("[data-column-back]") ? leaveColumn(event) : closePanel()));
  on("click", "[data-way-fit]", () => graph.fitAround([...graph.way.columns.keys(), ...graph.way.unknown]));
  on("click", "[data-colour-by]", (_, button) => {
    graph.colour = button.dataset.colourBy;
    all("[data-colour-by]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    one("input[name=colour]", root).value = graph.colour;
    graph.draw();
  });
  // Both the field and a step send `select`: a step's own counts.
  on("click", "[data-step]", () => one(".lineage-toolbar input[name=select]").setAttribute("disabled", ""));
  key("0", "Fit the graph", () => graph.fit());
  key("c", "Columns of the chosen node", toColumns);
  key("f", "Focus the chosen node", () => one("[data-focus-node]")?.click() ?? (graph.chosen >= 0 && focusOn(graph.nodes[graph.chosen])));
  load();
}

if (root && !one("[data-stage]", root).hidden) start();
