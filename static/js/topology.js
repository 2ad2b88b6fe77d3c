// Pictures of what follows what: pan, zoom and fit by mouse and keyboard, a chosen node's pane, states that change while one looks.
import { all, gather, isTyping, on, one } from "./dom.js";
import { key } from "./keys.js";

const MOST = 2.5; // pixels of the screen for one of the picture, at most
const STEP = 1.25;
const views = new WeakMap(); // canvas → {x, y, scale}: what of the picture stands in the corner, and how large

const canvasOf = (element) => element.closest("[data-topology]");
const svgOf = (canvas) => one(".topology-svg", canvas);

function show(canvas) {
  const svg = svgOf(canvas);
  const view = views.get(canvas);
  svg.setAttribute("viewBox", `${view.x} ${view.y} ${svg.clientWidth / view.scale} ${svg.clientHeight / view.scale}`);
  view.width = svg.clientWidth;
}

// A window that changes its width keeps in its middle what is there.
function resized(canvas) {
  const view = views.get(canvas);
  const width = svgOf(canvas)?.clientWidth;
  if (!view) return begin(canvas);
  if (!width) return;
  if (view.width) view.x += (view.width - width) / 2 / view.scale;
  show(canvas);
}

export function fit(canvas) {
  const svg = svgOf(canvas);
  if (!svg || !svg.clientWidth) return;
  const [width, height] = [Number(svg.dataset.width), Number(svg.dataset.height)];
  const scale = Math.min(1, svg.clientWidth / width, svg.clientHeight / height);
  views.set(canvas, { scale, x: (width - svg.clientWidth / scale) / 2, y: Math.min(0, (height - svg.clientHeight / scale) / 2) });
  show(canvas);
}

// What is first seen: all of it where it can be read like that, else its beginning.
function begin(canvas) {
  fit(canvas);
  const view = views.get(canvas);
  if (view && view.scale < 0.6) {
    const svg = svgOf(canvas);
    const scale = 0.75;
    views.set(canvas, { scale, x: (Number(svg.dataset.width) - svg.clientWidth / scale) / 2, y: 0 });
    show(canvas);
  }
  svgOf(canvas)?.setAttribute("preserveAspectRatio", "none");
}

function zoom(canvas, factor, at = null) {
  const svg = svgOf(canvas);
  const view = views.get(canvas);
  if (!view) return;
  const least = Math.min(0.05, svg.clientWidth / Number(svg.dataset.width));
  const scale = Math.min(MOST, Math.max(least, view.scale * factor));
  const [px, py] = at ?? [svg.clientWidth / 2, svg.clientHeight / 2];
  view.x += px / view.scale - px / scale;
  view.y += py / view.scale - py / scale;
  view.scale = scale;
  show(canvas);
}

function pan(canvas, dx, dy) {
  const view = views.get(canvas);
  if (!view) return;
  view.x += dx / view.scale;
  view.y += dy / view.scale;
  show(canvas);
}

// Two fingers or the wheel move, with Ctrl (as a pinch tells) they zoom.
function wheeled(event) {
  const canvas = canvasOf(event.target);
  if (!canvas || !svgOf(canvas)) return;
  event.preventDefault();
  const box = svgOf(canvas).getBoundingClientRect();
  if (event.ctrlKey || event.metaKey) zoom(canvas, Math.exp(-event.deltaY / 200), [event.clientX - box.left, event.clientY - box.top]);
  else pan(canvas, event.shiftKey ? event.deltaY : event.deltaX, event.shiftKey ? 0 : event.deltaY);
}

let drag = null;
let dragged = false;
const fingers = new Map();

function pressed(event) {
  const canvas = canvasOf(event.target);
  if (!canvas || event.button !== 0 || event.target.closest("button")) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  drag = { canvas, x: event.clientX, y: event.clientY, moved: false };
}

function moved(event) {
  if (!drag || !fingers.has(event.pointerId)) return;
  const before = [...fingers.values()];
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  if (fingers.size === 2) {
    const after = [...fingers.values()];
    const far = ([[ax, ay], [bx, by]]) => Math.hypot(ax - bx, ay - by);
    const box = svgOf(drag.canvas).getBoundingClientRect();
    zoom(drag.canvas, far(after) / Math.max(1, far(before)), [(after[0][0] + after[1][0]) / 2 - box.left, (after[0][1] + after[1][1]) / 2 - box.top]);
    drag.moved = true;
    return;
  }
  const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.moved && Math.hypot(dx, dy) < 4) return;
  drag.moved = true;
  drag.canvas.toggleAttribute("data-moving", true);
  pan(drag.canvas, -dx, -dy);
  drag.x = event.clientX;
  drag.y = event.clientY;
}

function released(event) {
  fingers.delete(event.pointerId);
  if (!drag || fingers.size) return;
  const { canvas, moved: was } = drag;
  canvas.removeAttribute("data-moving");
  drag = null;
  dragged = was;
  setTimeout(() => { dragged = false; }, 0);
}

// The click that ends a drag opens nothing.
function clicked(event) {
  if (!dragged || !canvasOf(event.target)) return;
  event.preventDefault();
  event.stopPropagation();
}

// --- keys ----------------------------------------------------------------------------------------------------------------------

const middle = (link) => {
  const rect = one("rect", link);
  return [Number(rect.getAttribute("x")) + Number(rect.getAttribute("width")) / 2, Number(rect.getAttribute("y")) + 20];
};

function reveal(canvas, link) {
  const svg = svgOf(canvas);
  const view = views.get(canvas);
  const [x, y] = middle(link);
  const [px, py] = [(x - view.x) * view.scale, (y - view.y) * view.scale];
  const [dx, dy] = [px < 60 ? px - 60 : Math.max(0, px - svg.clientWidth + 60), py < 40 ? py - 40 : Math.max(0, py - svg.clientHeight + 60)];
  if (dx || dy) pan(canvas, dx, dy);
}

// The nearest node in the direction of the arrow.
function neighbour(canvas, from, name) {
  const [x, y] = middle(from);
  const across = name === "ArrowLeft" || name === "ArrowRight";
  const sign = name === "ArrowRight" || name === "ArrowDown" ? 1 : -1;
  let best = null;
  for (const link of all("[data-node]", canvas)) {
    const [ox, oy] = middle(link);
    const [along, aside] = across ? [(ox - x) * sign, Math.abs(oy - y)] : [(oy - y) * sign, Math.abs(ox - x)];
    if (along < 2) continue;
    const far = along + aside * (across ? 4 : 1.5);
    if (!best || far < best.far) best = { link, far };
  }
  return best?.link ?? null;
}

function keyed(event) {
  const canvas = canvasOf(event.target);
  if (!canvas || event.ctrlKey || event.metaKey || event.altKey || !event.key.startsWith("Arrow")) return;
  const link = event.target.closest("[data-node]");
  if (!link) return;
  event.preventDefault();
  const next = neighbour(canvas, link, event.key);
  if (next) next.focus({ preventScroll: true });
}

// --- the pane of a chosen node ---------------------------------------------------------------------------------------------------

const pane = () => one("#topology-pane");

async function nodeOf(canvas, uid) {
  const query = new URLSearchParams({ node: uid });
  for (const open of new URL(location.href).searchParams.getAll("open")) query.append("open", open);
  const answer = await fetch(`${canvas.dataset.nodeUrl}?${query}`, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  const text = answer.ok ? await answer.text() : '<p class="muted">This node could not be loaded. Reload the page.</p>';
  return new DOMParser().parseFromString(text, "text/html");
}

export async function choose(canvas, uid) {
  for (const node of all(".topology-node", canvas)) node.toggleAttribute("data-chosen", node.dataset.uid === uid);
  const here = new URL(location.href);
  if (uid) here.searchParams.set("node", uid); else here.searchParams.delete("node");
  history.replaceState(history.state, "", here);
  if (!uid) {
    const wasFocused = pane().contains(document.activeElement);
    pane().hidden = true;
    pane().replaceChildren();
    show(canvas);
    return wasFocused;
  }
  pane().replaceChildren(...(await nodeOf(canvas, uid)).body.childNodes);
  pane().hidden = false;
  window.htmx?.process(pane());
  show(canvas);
  return true;
}

// --- states that change --------------------------------------------------------------------------------------------------------

// What the chosen node's task runs did, unless somebody is reading it with the keyboard or has marked something.
async function refreshPane(canvas) {
  const uid = new URL(location.href).searchParams.get("node");
  const runs = pane() && one("#node-runs", pane());
  const selection = document.getSelection();
  if (!uid || !runs || runs.contains(document.activeElement) || (!selection.isCollapsed && runs.contains(selection.anchorNode))) return;
  const next = one("#node-runs", await nodeOf(canvas, uid));
  if (next && next.innerHTML !== runs.innerHTML) runs.replaceWith(document.adoptNode(next));
}

// The picture stays, its nodes take the state and the second line of the newer one.
export const refresh = gather(async () => {
  const canvas = one("[data-topology-live]");
  if (!canvas) return;
  const answer = await fetch(canvas.dataset.topologyLive, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const made of all(".topology-node", next)) {
    const old = all(".topology-node", canvas).find((node) => node.dataset.uid === made.dataset.uid);
    if (!old || old.innerHTML === made.innerHTML) continue;
    if (made.dataset.state) old.dataset.state = made.dataset.state; else delete old.dataset.state;
    const [link, newer] = [one("a", old), one("a", made)];
    if (link && newer) link.replaceChildren(...[...newer.childNodes].map((node) => document.importNode(node, true)));
  }
  await refreshPane(canvas);
}, 400);

function start(canvas) {
  begin(canvas);
  new ResizeObserver(() => resized(canvas)).observe(canvas);
  const uid = new URL(location.href).searchParams.get("node");
  if (uid && canvas.dataset.nodeUrl && pane()) choose(canvas, uid);
}

export function attach(root = document) {
  for (const canvas of all("[data-topology]", root)) if (!views.has(canvas) && svgOf(canvas)) start(canvas);
}

addEventListener("wheel", wheeled, { passive: false });
addEventListener("pointerdown", pressed);
addEventListener("pointermove", moved);
addEventListener("pointerup", released);
addEventListener("pointercancel", released);
addEventListener("click", clicked, { capture: true });
addEventListener("dragstart", (event) => { if (canvasOf(event.target)) event.preventDefault(); });
addEventListener("keydown", keyed);
on("focusin", "[data-topology] [data-node]", (event, link) => { if (link.matches(":focus-visible")) reveal(canvasOf(link), link); });
on("click", "[data-zoom]", (event, button) => {
  const canvas = canvasOf(button);
  if (button.dataset.zoom === "fit") fit(canvas);
  else zoom(canvas, button.dataset.zoom === "in" ? STEP : 1 / STEP);
});
on("click", "[data-topology][data-node-url] a[data-node]", (event, link) => {
  if (event.ctrlKey || event.metaKey || event.defaultPrevented || !pane()) return;
  event.preventDefault();
  choose(canvasOf(link), link.dataset.node);
});
on("click", "#topology-pane [data-pane-close]", async () => {
  const canvas = one("[data-topology]");
  const chosen = one(".topology-node[data-chosen] a", canvas);
  if (await choose(canvas, "")) chosen?.focus();
});
const first = () => one("[data-topology]");
const unlessTyping = (action) => () => { if (first() && !isTyping(document.activeElement)) action(first()); };
if (first()) {
  key("+", "Zoom in", unlessTyping((canvas) => zoom(canvas, STEP)));
  key("-", "Zoom out", unlessTyping((canvas) => zoom(canvas, 1 / STEP)));
  key("0", "Show all of the picture", unlessTyping(fit));
}
attach();
