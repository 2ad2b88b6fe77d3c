// A graph whose nodes the server has placed: draws those in view, links with names while they can be read, one path for each colour when the
// whole graph is far away, so that thousands of nodes cost a handful of elements. A way through it marks what is on it; the rest steps back.
import { one, say } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const READABLE = 0.45; // zoom below which names are left out
const MARGIN = 120; // pixels around the view that are drawn already
const ICONS = { SUCCESS: "circle-check", WARNING: "triangle-alert", FAILED: "circle-x", SKIPPED: "circle-slash" };
const KINDS = { source: "database", seed: "file-text", snapshot: "history", exposure: "chart-column", metric: "gauge" };

const make = (name, attributes, parent) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
};

// A long text is squeezed before it is cut: all of it stays there to be read.
function squeeze(element, text, most, width) {
  if (text.length > most) {
    element.setAttribute("textLength", width);
    element.setAttribute("lengthAdjust", "spacingAndGlyphs");
  } else element.removeAttribute("textLength");
}

export class Drawing {
  // stage: what catalog/_graph.html makes; href(node): where a node leads; own: the project whose nodes are not dashed; onChoose(node, open):
  // a node was chosen, by a click (open) or an arrow; onEnter(node, index): Enter was pressed on it.
  constructor(stage, { icons, href, own = "", colour = "state", onChoose = () => {}, onEnter = () => {} }) {
    Object.assign(this, { stage, icons, href, own: String(own), colour, onChoose, onEnter });
    Object.assign(this, { nodes: [], edges: [], parents: [], children: [], indices: new Map(), size: [0, 0], box: [190, 42] });
    Object.assign(this, { scale: 1, left: 0, top: 0, chosen: -1, way: null, pending: false, drag: null, drawn: new Map() });
    this.frame = one(".lineage-graph", stage);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.frame);
  }

  // answer: {nodes, edges, size, box} as the server lays them out. `way`: { columns: by index, edges: "from:to", unknown: indices }.
  take({ nodes, edges, size, box }) {
    Object.assign(this, { edges, size, box, way: null, chosen: -1 });
    this.nodes = nodes.map(([id, name, sub, kind, state, fresh, heat, x, y, project]) => ({ id, name, sub, kind, state, fresh, heat, x, y, project }));
    this.parents = this.nodes.map(() => []);
    this.children = this.nodes.map(() => []);
    for (const [from, to] of edges) {
      this.children[from].push(to);
      this.parents[to].push(from);
    }
    this.indices = new Map(this.nodes.map((node, index) => [node.id, index]));
    this.drawn.clear();
    one(".nodes", this.frame).replaceChildren();
  }

  paint(node) { return this.colour === "freshness" ? node.fresh : node.state; }
  onWay(index) { return !this.way || this.way.columns.has(index) || this.way.unknown.has(index); }
  label(index) { return `${this.nodes[index].name} ${[this.below(index), this.nodes[index].state.toLowerCase()].filter(Boolean).join(", ")}`; }

  // What stands below the name of a node: its columns where it is on the way of one.
  below(index) {
    if (this.way?.columns.has(index)) {
      const [first, ...more] = this.way.columns.get(index), all = [first, ...more].join(", ");
      return all.length <= 26 || !more.length ? all : `${first} +${more.length}`;
    }
    return this.way?.unknown.has(index) ? "columns not known" : this.nodes[index].sub;
  }

  // --- the view ---

  fit() { this.fitTo(0, 0, this.size[0], this.size[1]); }

  fitTo(x0, y0, x1, y1) {
    const { width, height } = this.frame.getBoundingClientRect();
    if (!width) return; // it is not shown
    this.scale = Math.min(1, width / (x1 - x0), height / (y1 - y0));
    this.left = (x0 + x1 - width / this.scale) / 2;
    this.top = (y0 + y1 - height / this.scale) / 2;
    this.draw();
  }

  fitAround(indices) {
    const found = [...indices].map((index) => this.nodes[index]);
    if (!found.length) return;
    const xs = found.map((node) => node.x), ys = found.map((node) => node.y);
    this.fitTo(Math.min(...xs) - 24, Math.min(...ys) - 24, Math.max(...xs) + this.box[0] + 24, Math.max(...ys) + this.box[1] + 24);
  }

  zoom(factor, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    const next = Math.min(2, Math.max(Math.min(0.02, this.scale), this.scale * factor));
    this.left += x / this.scale - x / next;
    this.top += y / this.scale - y / next;
    this.scale = next;
    this.draw();
  }

  // Bring a node to the middle, near enough to read it.
  centre(node) {
    if (this.scale < READABLE) this.scale = 1;
    this.left = node.x + this.box[0] / 2 - this.frame.clientWidth / this.scale / 2;
    this.top = node.y + this.box[1] / 2 - this.frame.clientHeight / this.scale / 2;
  }

  reveal(node) {
    const { frame, scale, box } = this;
    const x = (node.x - this.left) * scale, y = (node.y - this.top) * scale;
    if (x < 20 || x + box[0] * scale > frame.clientWidth - 20) this.left = node.x + box[0] / 2 - frame.clientWidth / scale / 2;
    if (y < 20 || y + box[1] * scale > frame.clientHeight - 20) this.top = node.y + box[1] / 2 - frame.clientHeight / scale / 2;
  }

  get readable() { return this.scale >= READABLE; }

  // --- drawing ---

  draw() {
    if (this.pending || !this.frame.clientWidth) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.paintAll();
    });
  }

  paintAll() {
    const { frame, scale, left, top, box } = this;
    one("[data-view]", frame).setAttribute("transform", `scale(${scale}) translate(${-left} ${-top})`);
    one("[data-zoom-level]", this.stage).textContent = `${Math.round(scale * 100)} %`;
    const near = MARGIN / scale;
    const view = { x0: left - near - box[0], y0: top - near - box[1], x1: left + frame.clientWidth / scale + near, y1: top + frame.clientHeight / scale + near };
    const inView = (node) => node.x > view.x0 && node.x < view.x1 && node.y > view.y0 && node.y < view.y1;
    const visible = new Set();
    this.nodes.forEach((node, index) => inView(node) && visible.add(index));
    this.drawEdges(view);
    this.drawBoxes(this.readable ? [] : [...visible]);
    this.drawNodes(this.readable ? visible : new Set(this.chosen >= 0 && visible.has(this.chosen) ? [this.chosen] : []));
  }

  drawEdges(view) {
    const { nodes, box, way, chosen } = this;
    const parts = { plain: [], near: [] };
    for (const [from, to] of this.edges) {
      const a = nodes[from], b = nodes[to];
      if (Math.max(a.x, b.x) < view.x0 || Math.min(a.x, b.x) > view.x1 || Math.max(a.y, b.y) < view.y0 || Math.min(a.y, b.y) > view.y1) continue;
      const x0 = a.x + box[0], y0 = a.y + box[1] / 2, x1 = b.x, y1 = b.y + box[1] / 2, middle = (x0 + x1) / 2;
      const path = this.scale < 0.2 ? `M${x0} ${y0}L${x1} ${y1}` : `M${x0} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1} ${y1}`;
      const near = way ? way.edges.has(`${from}:${to}`) : from === chosen || to === chosen;
      (near ? parts.near : parts.plain).push(path);
    }
    const group = one(".edges", this.frame);
    group.replaceChildren();
    if (parts.plain.length) make("path", { d: parts.plain.join(""), class: way ? "off-way" : chosen >= 0 ? "faint" : "" }, group);
    if (parts.near.length) make("path", { d: parts.near.join(""), class: "near" }, group);
  }

  drawBoxes(wanted) {
    const { way, box } = this;
    const byColour = new Map();
    for (const index of wanted) {
      const node = this.nodes[index];
      const name = way ? (this.onWay(index) ? "on-way" : "off-way") : this.colour === "duration" ? `heat${node.heat}` : this.paint(node);
      if (!byColour.has(name)) byColour.set(name, []);
      byColour.get(name).push(`M${node.x} ${node.y}h${box[0]}v${box[1]}h${-box[0]}z`);
    }
    const group = one(".boxes", this.frame);
    group.replaceChildren();
    for (const [name, parts] of byColour) {
      const heat = name.startsWith("heat") ? Number(name.slice(4)) : null;
      const attributes = way ? { class: name } : heat === null ? (name ? { "data-state": name } : {}) : heat ? { "data-heat": heat, "fill-opacity": heat / 5 } : {};
      make("path", { d: parts.join(""), ...attributes }, group);
    }
  }

  drawNodes(wanted) {
    const group = one(".nodes", this.frame);
    for (const [index, element] of this.drawn) {
      if (wanted.has(index) || element.contains(document.activeElement)) continue;
      element.remove();
      this.drawn.delete(index);
    }
    for (const index of wanted) {
      if (!this.drawn.has(index)) this.drawn.set(index, this.drawNode(index, group));
      this.dress(index, this.drawn.get(index));
    }
  }

  // What changes of a node that is drawn: its colours, and what stands below its name.
  dress(index, element) {
    const node = this.nodes[index];
    const state = this.colour === "duration" ? "" : this.paint(node);
    if (state) element.dataset.state = state;
    else delete element.dataset.state;
    one("use", element).setAttribute("href", `${this.icons}#${ICONS[state] ?? KINDS[node.kind] ?? "box"}`);
    one(".heat", element).setAttribute("width", this.colour === "duration" ? (this.box[0] * node.heat) / 5 : 0);
    element.classList.toggle("on-way", Boolean(this.way) && this.onWay(index));
    element.classList.toggle("off-way", !this.onWay(index));
    const sub = one(".node-sub", element), text = this.below(index);
    if (sub.textContent !== text) {
      sub.textContent = text;
      squeeze(sub, text, this.way ? 22 : 29, this.box[0] - 36); // columns are in the wider font
      element.setAttribute("aria-label", this.label(index));
    }
    if (index === this.chosen) element.setAttribute("aria-current", "true");
    else element.removeAttribute("aria-current");
  }

  drawNode(index, group) {
    const { box } = this;
    const node = this.nodes[index];
    const link = make("a", { href: this.href(node), class: "node", "data-index": index, tabindex: "-1" }, group);
    link.setAttribute("aria-label", this.label(index));
    link.toggleAttribute("data-other", String(node.project) !== this.own);
    link.setAttribute("transform", `translate(${node.x} ${node.y})`);
    make("rect", { class: "box", width: box[0], height: box[1], rx: 5 }, link);
    make("rect", { class: "heat", y: box[1] - 3, height: 3, width: 0, rx: 1 }, link);
    make("use", { class: "node-state", x: 9, y: 7, width: 14, height: 14 }, link);
    const name = make("text", { class: "node-name", x: 28, y: 18 }, link);
    name.textContent = node.name;
    squeeze(name, node.name, 25, box[0] - 36);
    link.append(" "); // between the words that are seen, as in those that are said
    make("text", { class: "node-sub", x: 28, y: 33 }, link).textContent = node.sub;
    return link;
  }

  // --- choosing ---

  choose(index, { open = true, focus = true } = {}) {
    if (index === undefined || index < 0 || !this.frame.clientWidth) return;
    this.chosen = index;
    const node = this.nodes[index];
    if (!this.readable) this.centre(node);
    this.reveal(node);
    this.paintAll();
    if (focus) this.drawn.get(index)?.focus({ preventScroll: true });
    say([node.name, this.below(index), node.state.toLowerCase()].filter(Boolean).join(", "));
    this.onChoose(node, open);
  }

  focusChosen() { this.drawn.get(this.chosen)?.focus({ preventScroll: true }); }

  // The nearest by height of those that an arrow leads to.
  step(name) {
    const { nodes, chosen, way } = this;
    if (chosen < 0) return this.choose(nodes.findIndex((_, index) => this.parents[index].length === 0), { open: false });
    const here = nodes[chosen];
    if (name === "ArrowUp" || name === "ArrowDown") {
      const sign = name === "ArrowDown" ? 1 : -1;
      const column = nodes.map((node, index) => [index, (node.y - here.y) * sign, node.x]).filter(([, distance, x]) => x === here.x && distance > 0);
      return this.choose(column.sort((a, b) => a[1] - b[1])[0]?.[0], { open: false });
    }
    const along = name === "ArrowRight" ? this.children[chosen] : this.parents[chosen];
    const marked = way ? along.filter((index) => way.edges.has(name === "ArrowRight" ? `${chosen}:${index}` : `${index}:${chosen}`)) : [];
    return this.choose([...(marked.length ? marked : along)].sort((a, b) => Math.abs(nodes[a].y - here.y) - Math.abs(nodes[b].y - here.y))[0], { open: false });
  }

  // --- hands ---

  listen() {
    const { frame } = this;
    frame.addEventListener("keydown", (event) => this.pressed(event));
    frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) return this.zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
      this.left += event.deltaX / this.scale;
      this.top += event.deltaY / this.scale;
      return this.draw();
    }, { passive: false });
    frame.addEventListener("pointerdown", (event) => {
      if (event.button === 0) this.drag = { x: event.clientX, y: event.clientY, left: this.left, top: this.top, moved: false };
    });
    addEventListener("pointermove", (event) => this.dragged(event));
    addEventListener("pointerup", () => {
      delete frame.dataset.dragging;
      setTimeout(() => (this.drag = null));
    });
    frame.addEventListener("dragstart", (event) => event.preventDefault());
    frame.addEventListener("click", (event) => this.clicked(event));
    this.stage.addEventListener("click", (event) => {
      const way = event.target.closest("[data-zoom]")?.dataset.zoom;
      if (way === "fit") this.fit();
      else if (way) this.zoom(way === "in" ? 1.4 : 1 / 1.4);
    });
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) this.step(event.key);
    else if (event.key === "Enter" && this.chosen >= 0) this.onEnter(this.nodes[this.chosen], this.chosen);
    else return;
    event.preventDefault();
  }

  dragged(event) {
    const { drag } = this;
    if (!drag) return;
    drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 4;
    if (!drag.moved) return;
    this.frame.dataset.dragging = "";
    this.left = drag.left - (event.clientX - drag.x) / this.scale;
    this.top = drag.top - (event.clientY - drag.y) / this.scale;
    this.draw();
  }

  clicked(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (this.drag?.moved) return;
    const link = event.target.closest(".node");
    if (link) this.choose(Number(link.dataset.index));
    else if (!this.readable) this.zoom(3, event.offsetX, event.offsetY);
  }
}
