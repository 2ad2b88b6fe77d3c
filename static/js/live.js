// A live connection: one socket per page that comes back by itself and tells the server what the page has already seen.
//
//   import { connect } from "./live.js";
//   const link = connect(`/ws/executions/${id}/`, { seq: Number(root.dataset.seq), on: { "task_run.changed": (message) => … }, onGap: () => … });
//   link.send({ type: "log.follow", level: "INFO" });
//
// Messages are JSON objects `{type, seq?, …}`. The sequence number of the newest message goes into `?seq=` of every connection, so a
// consumer sends what came after it. A message `{type: "gap"}` says that this is not possible: the page fetches its fragments whole.
// `{type: "batch", messages: […]}` is several at once. A message whose seq is not newer than what was seen is dropped.
import { one } from "./dom.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10000;
const REFUSED = new Set([4401, 4403, 4404]); // the server's answer will not change: do not try again

const links = new Set();

function show() {
  const dot = one("#connection");
  if (!dot) return;
  const list = [...links];
  dot.hidden = list.length === 0;
  const lost = list.filter((link) => link.state !== "open");
  const started = list.some((link) => link.seen);
  if (lost.length && started) {
    const since = new Date(Math.min(...lost.map((link) => link.lastTime)));
    dot.dataset.link = "lost";
    dot.firstElementChild.textContent = "Reconnecting";
    dot.title = `The connection is lost, trying again. What you see is as of ${since.toTimeString().slice(0, 8)}.`;
  } else {
    delete dot.dataset.link;
    dot.firstElementChild.textContent = "Live";
    dot.title = "Connected: this page updates itself";
  }
}

class Link {
  constructor(path, { seq = 0, on = {}, onGap = null, onOpen = null, onClose = null } = {}) {
    Object.assign(this, { path, seq, on, onGap, onOpen, onClose });
    this.state = "new";
    this.seen = false;
    this.lastTime = Date.now();
    this.wait = FIRST_WAIT;
    this.closed = false;
    this.queue = [];
    links.add(this);
    this.open();
  }

  open() {
    const url = new URL(this.path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("seq", String(this.seq));
    this.socket = new WebSocket(url);
    this.socket.addEventListener("open", () => this.opened());
    this.socket.addEventListener("message", (event) => this.received(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.lost(event.code));
  }

  opened() {
    const again = this.seen;
    this.state = "open";
    this.seen = true;
    this.wait = FIRST_WAIT;
    this.lastTime = Date.now();
    show();
    this.onOpen?.(again);
    for (const message of this.queue.splice(0)) this.socket.send(message);
  }

  received(message) {
    this.lastTime = Date.now();
    if (message.type === "batch") {
      for (const part of message.messages) this.received(part);
      return;
    }
    if (message.type === "gap") {
      if (message.seq !== undefined) this.seq = message.seq;
      this.onGap?.(message);
      return;
    }
    if (message.seq !== undefined) {
      if (message.seq <= this.seq && !message.again) return;
      this.seq = Math.max(this.seq, message.seq);
    }
    (this.on[message.type] ?? this.on["*"])?.(message);
  }

  lost(code) {
    this.state = "lost";
    this.onClose?.(code);
    if (this.closed || REFUSED.has(code)) {
      links.delete(this);
      show();
      return;
    }
    show();
    const wait = this.wait * (0.7 + Math.random() * 0.6);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    this.timer = setTimeout(() => this.open(), wait);
  }

  // Sent now, or as soon as there is a connection.
  send(message) {
    const text = JSON.stringify(message);
    if (this.state === "open" && this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
    else this.queue.push(text);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    links.delete(this);
    this.socket.close();
    show();
  }

  retry() {
    if (this.state !== "lost" || this.closed) return;
    clearTimeout(this.timer);
    this.wait = FIRST_WAIT;
    this.open();
  }
}

export function connect(path, options) {
  return new Link(path, options);
}

// A laptop that wakes up, a tab that comes back: do not wait for the back-off.
addEventListener("online", () => links.forEach((link) => link.retry()));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) links.forEach((link) => link.retry());
});
addEventListener("pagehide", () => links.forEach((link) => link.close()));
