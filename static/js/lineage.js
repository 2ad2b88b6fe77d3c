// The lineage graph. The server places the nodes; this draws those in view: links with names while they can be read, one path for each
// colour when the whole graph is far away, so that thousands of nodes cost a handful of elements. A chosen column has a way through the
// graph: what is on it is marked, the rest steps back.
import { all, on, one, say } from "./dom.js";
import { key } from "./keys.js";

const SVG = "http://www.w3.org/2000/svg";
const READABLE = 0.45; // zoom below which names are left out
const MARGIN = 120; // pixels around the view that are drawn already
const ICONS = { SUCCESS: "circle-check", WARNING: "triangle-alert", FAILED: "circle-x", SKIPPED: "circle-slash" };
const KINDS = { source: "database", seed: "file-text", snapshot: "history", exposure: "chart-column", metric: "gauge" };

const METHODS = ["source", "exposure", "metric", "semantic_model", "saved_query"]; // kinds that a selector must name

const root = one("[data-lineage]");
const frame = one("#lineage-graph");
const panel = one("#node-panel");
let nodes = [], edges = [], parents = [], children = [], size = [0, 0], box = [190, 42], panelUrl = "";
let way = null, indices = new Map(), asked = 0; // way: { columns: by index, edges: "from:to", unknown: indices }
let scale = 1, left = 0, top_ = 0, chosen = -1, colour = root?.dataset.colour ?? "state", pending = false;
const drawn = new Map();

const make = (name, attributes, parent) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
};

const paint = (node) => (colour === "freshness" ? node.fresh : node.state);

async function load() {
  const response = await fetch(root.dataset.url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!response.ok) return;
  const answer = await response.json();
  ({ edges, size, box } = answer);
  panelUrl = answer.panel;
  nodes = answer.nodes.map(([id, name, sub, kind, state, fresh, heat, x, y, project]) => ({ id, name, sub, kind, state, fresh, heat, x, y, project }));
  parents = nodes.map(() => []);
  children = nodes.map(() => []);
  for (const [from, to] of edges) {
    children[from].push(to);
    parents[to].push(from);
  }
  indices = new Map(nodes.map((node, index) => [node.id, index]));
  readWay();
  fit();
  const wanted = indices.get(root.dataset.chosen) ?? -1;
  if (wanted >= 0) choose(wanted, { open: innerWidth >= 1400, focus: false });
  root.dataset.ready = "true";
}

// What the panel says of a column, as the graph needs it.
function readWay() {
  const holder = one("[data-way]", panel);
  way = null;
  if (!holder) return;
  const told = JSON.parse(holder.dataset.way);
  const here = Object.entries(told.columns).filter(([id]) => indices.has(id));
  way = {
    columns: new Map(here.map(([id, columns]) => [indices.get(id), columns])),
    edges: new Set(told.edges.map(([from, to]) => `${indices.get(from)}:${indices.get(to)}`)),
    unknown: new Set(told.unknown.map((id) => indices.get(id)).filter((index) => index !== undefined)),
  };
  const outside = Object.keys(told.columns).filter((id) => !id.startsWith("table:") && !indices.has(id)).length;
  const note = one("[data-way-outside]", panel);
  note.hidden = !outside;
  note.textContent = `${outside} ${outside === 1 ? "node" : "nodes"} of this way ${outside === 1 ? "is" : "are"} not in the selection.`;
}

const onWay = (index) => !way || way.columns.has(index) || way.unknown.has(index);

// What stands below the name of a node: its columns where it is on the way of one.
function below(index) {
  if (way?.columns.has(index)) {
    const [first, ...more] = way.columns.get(index), all_ = [first, ...more].join(", ");
    return all_.length <= 26 || !more.length ? all_ : `${first} +${more.length}`;
  }
  return way?.unknown.has(index) ? "columns not known" : nodes[index].sub;
}

function fit() {
  fitTo(0, 0, size[0], size[1]);
}

function fitTo(x0, y0, x1, y1) {
  const { width, height } = frame.getBoundingClientRect();
  if (!width) return; // a small screen shows the list
  scale = Math.min(1, width / (x1 - x0), height / (y1 - y0));
  left = (x0 + x1 - width / scale) / 2;
  top_ = (y0 + y1 - height / scale) / 2;
  draw();
}

function fitWay() {
  const found = [...way.columns.keys(), ...way.unknown].map((index) => nodes[index]);
  if (!found.length) return;
  const xs = found.map((node) => node.x), ys = found.map((node) => node.y);
  fitTo(Math.min(...xs) - 24, Math.min(...ys) - 24, Math.max(...xs) + box[0] + 24, Math.max(...ys) + box[1] + 24);
}

function zoom(factor, x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
  const next = Math.min(2, Math.max(Math.min(0.02, scale), scale * factor));
  left += x / scale - x / next;
  top_ += y / scale - y / next;
  scale = next;
  draw();
}

function draw() {
  if (pending || !frame.clientWidth) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    paintAll();
  });
}

function paintAll() {
  one("[data-view]", frame).setAttribute("transform", `scale(${scale}) translate(${-left} ${-top_})`);
  one("[data-zoom-level]", root).textContent = `${Math.round(scale * 100)} %`;
  const near = MARGIN / scale;
  const view = { x0: left - near - box[0], y0: top_ - near - box[1], x1: left + frame.clientWidth / scale + near, y1: top_ + frame.clientHeight / scale + near };
  const inView = (node) => node.x > view.x0 && node.x < view.x1 && node.y > view.y0 && node.y < view.y1;
  const visible = new Set();
  nodes.forEach((node, index) => inView(node) && visible.add(index));
  drawEdges(view);
  const readable = scale >= READABLE;
  drawBoxes(readable ? [] : [...visible]);
  drawNodes(readable ? visible : new Set(chosen >= 0 && visible.has(chosen) ? [chosen] : []));
}

function drawEdges(view) {
  const parts = { plain: [], near: [] };
  for (const [from, to] of edges) {
    const a = nodes[from], b = nodes[to];
    if (Math.max(a.x, b.x) < view.x0 || Math.min(a.x, b.x) > view.x1 || Math.max(a.y, b.y) < view.y0 || Math.min(a.y, b.y) > view.y1) continue;
    const x0 = a.x + box[0], y0 = a.y + box[1] / 2, x1 = b.x, y1 = b.y + box[1] / 2, middle = (x0 + x1) / 2;
    const path = scale < 0.2 ? `M${x0} ${y0}L${x1} ${y1}` : `M${x0} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1} ${y1}`;
    const near = way ? way.edges.has(`${from}:${to}`) : from === chosen || to === chosen;
    (near ? parts.near : parts.plain).push(path);
  }
  const group = one(".edges", frame);
  group.replaceChildren();
  if (parts.plain.length) make("path", { d: parts.plain.join(""), class: way ? "off-way" : chosen >= 0 ? "faint" : "" }, group);
  if (parts.near.length) make("path", { d: parts.near.join(""), class: "near" }, group);
}

function drawBoxes(wanted) {
  const byColour = new Map();
  for (const index of wanted) {
    const node = nodes[index];
    const name = way ? (onWay(index) ? "on-way" : "off-way") : colour === "duration" ? `heat${node.heat}` : paint(node);
    if (!byColour.has(name)) byColour.set(name, []);
    byColour.get(name).push(`M${node.x} ${node.y}h${box[0]}v${box[1]}h${-box[0]}z`);
  }
  const group = one(".boxes", frame);
  group.replaceChildren();
  for (const [name, parts] of byColour) {
    const heat = name.startsWith("heat") ? Number(name.slice(4)) : null;
    const attributes = way ? { class: name } : heat === null ? (name ? { "data-state": name } : {}) : heat ? { "data-heat": heat, "fill-opacity": heat / 5 } : {};
    make("path", { d: parts.join(""), ...attributes }, group);
  }
}

function drawNodes(wanted) {
  const group = one(".nodes", frame);
  for (const [index, element] of drawn) {
    if (wanted.has(index) || element.contains(document.activeElement)) continue;
    element.remove();
    drawn.delete(index);
  }
  for (const index of wanted) {
    if (!drawn.has(index)) drawn.set(index, drawNode(index, group));
    const element = drawn.get(index), node = nodes[index];
    const state = colour === "duration" ? "" : paint(node);
    if (state) element.dataset.state = state;
    else delete element.dataset.state;
    const icon = ICONS[state] ?? KINDS[node.kind] ?? "box";
    one("use", element).setAttribute("href", `${root.dataset.icons}#${icon}`);
    one(".heat", element).setAttribute("width", colour === "duration" ? (box[0] * node.heat) / 5 : 0);
    element.classList.toggle("on-way", Boolean(way) && onWay(index));
    element.classList.toggle("off-way", !onWay(index));
    const sub = one(".node-sub", element), text = below(index);
    if (sub.textContent !== text) {
      sub.textContent = text;
      squeeze(sub, text, way ? 22 : 29); // columns are in the wider font
      element.setAttribute("aria-label", label(index));
    }
    element.toggleAttribute("aria-current", index === chosen);
    if (index === chosen) element.setAttribute("aria-current", "true");
  }
}

function drawNode(index, group) {
  const node = nodes[index];
  const link = make("a", { href: root.dataset.page.replace("/0/", `/${node.project}/`).replace("UNIQUE_ID", encodeURIComponent(node.id)), class: "node", "data-index": index, tabindex: "-1" }, group);
  link.setAttribute("aria-label", label(index));
  link.toggleAttribute("data-other", String(node.project) !== root.dataset.project);
  link.setAttribute("transform", `translate(${node.x} ${node.y})`);
  make("rect", { class: "box", width: box[0], height: box[1], rx: 5 }, link);
  make("rect", { class: "heat", y: box[1] - 3, height: 3, width: 0, rx: 1 }, link);
  make("use", { class: "node-state", x: 9, y: 7, width: 14, height: 14 }, link);
  const name = make("text", { class: "node-name", x: 28, y: 18 }, link);
  name.textContent = node.name;
  squeeze(name, node.name, 25);
  link.append(" "); // between the words that are seen, as in those that are said
  make("text", { class: "node-sub", x: 28, y: 33 }, link).textContent = node.sub;
  return link;
}

const label = (index) => `${nodes[index].name} ${[below(index), nodes[index].state.toLowerCase()].filter(Boolean).join(", ")}`;

// A long text is squeezed before it is cut: all of it stays there to be read.
function squeeze(element, text, most) {
  if (text.length > most) {
    element.setAttribute("textLength", box[0] - 36);
    element.setAttribute("lengthAdjust", "spacingAndGlyphs");
  } else element.removeAttribute("textLength");
}

function choose(index, { open = true, focus = true } = {}) {
  if (index === undefined || index < 0 || !frame.clientWidth) return;
  chosen = index;
  const node = nodes[index];
  if (scale < READABLE) {
    scale = 1;
    left = node.x + box[0] / 2 - frame.clientWidth / 2;
    top_ = node.y + box[1] / 2 - frame.clientHeight / 2;
  }
  reveal(node);
  paintAll();
  if (focus) drawn.get(index)?.focus({ preventScroll: true });
  say([node.name, below(index), node.state.toLowerCase()].filter(Boolean).join(", "));
  if (way && onWay(index)) return; // the panel goes on telling of the column
  if (open || !panel.hidden) openPanel(node);
}

function reveal(node) {
  const x = (node.x - left) * scale, y = (node.y - top_) * scale;
  if (x < 20 || x + box[0] * scale > frame.clientWidth - 20) left = node.x + box[0] / 2 - frame.clientWidth / scale / 2;
  if (y < 20 || y + box[1] * scale > frame.clientHeight - 20) top_ = node.y + box[1] / 2 - frame.clientHeight / scale / 2;
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
  reveal(node);
  draw();
}

function closePanel() {
  panel.hidden = true;
  panel.replaceChildren();
  way = null;
  const query = new URLSearchParams(location.search);
  query.delete("node");
  query.delete("column");
  history.replaceState(history.state, "", query.size ? `?${query}` : location.pathname);
  draw();
  drawn.get(chosen)?.focus({ preventScroll: true });
}

// A column is chosen in the panel, its node with it; one of a node that is not drawn has a page of its own.
function chooseColumn(event, link) {
  const index = link.dataset.node ? indices.get(link.dataset.node) : chosen;
  if (index === undefined || index < 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  way = null;
  choose(index, { open: false, focus: false });
  openPanel(nodes[index], link.dataset.column ?? "").then(() => one("[data-column-back], [data-pane-close]", panel)?.focus({ preventScroll: true }));
}

// From a column back to its node, and there to where it stands among the others.
async function leaveColumn(event) {
  event.preventDefault();
  const column = new URLSearchParams(location.search).get("column");
  const index = indices.get(new URLSearchParams(location.search).get("node")) ?? chosen;
  if (index < 0) return closePanel();
  way = null;
  choose(index, { open: false, focus: false });
  await openPanel(nodes[index]);
  (one(`[data-column="${CSS.escape(column)}"]`, panel) ?? one("[data-pane-close]", panel))?.focus();
}

async function toColumns() {
  if (chosen < 0) return;
  if (panel.hidden) await openPanel(nodes[chosen]);
  one(".column-list a, .way-place", panel)?.focus();
}

// The nearest by height of those that an arrow leads to.
function step(name) {
  if (chosen < 0) return choose(nodes.findIndex((_, index) => parents[index].length === 0), { open: false });
  const here = nodes[chosen];
  if (name === "ArrowUp" || name === "ArrowDown") {
    const sign = name === "ArrowDown" ? 1 : -1;
    const column = nodes.map((node, index) => [index, (node.y - here.y) * sign, node.x]).filter(([, distance, x]) => x === here.x && distance > 0);
    return choose(column.sort((a, b) => a[1] - b[1])[0]?.[0], { open: false });
  }
  const along = name === "ArrowRight" ? children[chosen] : parents[chosen];
  const marked = way ? along.filter((index) => way.edges.has(name === "ArrowRight" ? `${chosen}:${index}` : `${index}:${chosen}`)) : [];
  return choose([...(marked.length ? marked : along)].sort((a, b) => Math.abs(nodes[a].y - here.y) - Math.abs(nodes[b].y - here.y))[0], { open: false });
}

function start() {
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) step(event.key);
    else if (event.key === "Enter" && chosen >= 0) openPanel(nodes[chosen], way?.columns.get(chosen)?.[0]);
    else return;
    event.preventDefault();
  });
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) return zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    left += event.deltaX / scale;
    top_ += event.deltaY / scale;
    draw();
  }, { passive: false });
  let drag = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button === 0) drag = { x: event.clientX, y: event.clientY, left, top: top_, moved: false };
  });
  addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 4;
    if (!drag.moved) return;
    frame.dataset.dragging = "";
    left = drag.left - (event.clientX - drag.x) / scale;
    top_ = drag.top - (event.clientY - drag.y) / scale;
    draw();
  });
  addEventListener("pointerup", () => {
    delete frame.dataset.dragging;
    setTimeout(() => (drag = null));
  });
  frame.addEventListener("dragstart", (event) => event.preventDefault());
  frame.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (drag?.moved) return;
    const link = event.target.closest(".node");
    if (link) choose(Number(link.dataset.index));
    else if (scale < READABLE) zoom(3, event.offsetX, event.offsetY);
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
  on("click", "[data-way-fit]", fitWay);
  on("click", "[data-zoom]", (_, button) => (button.dataset.zoom === "fit" ? fit() : zoom(button.dataset.zoom === "in" ? 1.4 : 1 / 1.4)));
  on("click", "[data-colour-by]", (_, button) => {
    colour = button.dataset.colourBy;
    all("[data-colour-by]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    one("input[name=colour]", root).value = colour;
    draw();
  });
  // Both the field and a step send `select`: a step's own counts.
  on("click", "[data-step]", () => one(".lineage-toolbar input[name=select]").setAttribute("disabled", ""));
  key("0", "Fit the graph", fit);
  key("c", "Columns of the chosen node", toColumns);
  key("f", "Focus the chosen node", () => one("[data-focus-node]")?.click() ?? (chosen >= 0 && focusOn(nodes[chosen])));
  new ResizeObserver(draw).observe(frame);
  load();
}

function focusOn(node) {
  const query = new URLSearchParams(location.search);
  query.set("select", `2+${METHODS.includes(node.kind) ? `${node.kind}:` : ""}${node.name}+2`);
  query.set("node", node.id);
  location.search = query;
}

if (root && !one("[data-stage]", root).hidden) start();
