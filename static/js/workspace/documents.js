// The texts that are open: what is typed is kept on the server as a draft, and saving puts it together with what others saved meanwhile.
import { ask, config, Refused } from "./server.js";

const WAIT = 700; // milliseconds without a key after which a draft is kept

// The text of a file that somebody points at is fetched before they open it; what is a few seconds old is fetched anew.
const FRESH = 5000;
let ahead = null;
let pointing = null;

export function lookAhead(path) {
  clearTimeout(pointing);
  if (ahead?.path === path) return;
  pointing = setTimeout(() => {
    ahead = { path, at: performance.now(), answer: ask("text", { query: { path } }) };
    ahead.answer.catch(() => {});
  }, 60);
}

function textOf(path) {
  clearTimeout(pointing);
  const known = ahead?.path === path && performance.now() - ahead.at < FRESH ? ahead.answer : null;
  ahead = null;
  return known ?? ask("text", { query: { path } });
}

export class Document {
  // `tell` hears of every change of what the page shows of it: (document, what) with what = "text" | "state".
  constructor(path, { bundle, make, tell }) {
    Object.assign(this, { path, bundle, makeState: make, tell });
    this.base = "";
    this.kind = "";
    this.saved = null;
    this.state = null;
    this.clash = null;
    this.note = "";
    this.view = null;
    this.timer = null;
    this.problems = [];
  }

  get isText() { return this.kind === "text"; }
  get text() { return this.state.doc.toString(); }
  get dirty() { return this.state !== null && (this.isNew || !this.state.doc.eq(this.saved)); }
  get isNew() { return this.isText && this.fresh === true; }

  load() {
    this.loading ??= this.fetch().catch((error) => { this.loading = null; throw error; });
    return this.loading;
  }

  async fetch() {
    const found = await textOf(this.path);
    this.size = found.size;
    this.kind = found.text === null ? found.kind : "text";
    if (this.isText) this.begin(found.text, found.base, found.draft);
    return this;
  }

  begin(text, base, draft = null) {
    this.crlf = text.includes("\r\n");
    this.base = base;
    this.state = this.makeState(this, text);
    this.saved = this.state.doc;
    if (draft && draft.text !== text) {
      this.base = draft.base;
      this.state = this.state.update({ changes: this.bundle.changeTo(this.state.doc, this.plain(draft.text)) }).state;
      this.note = "draft";
      this.kept = this.state.doc;
      if (draft.base === "" && base === "") this.fresh = true;
    }
  }

  // A text that is nowhere yet: a generated file, say.
  invent(text) {
    this.kind = "text";
    this.begin("", "");
    this.fresh = true;
    this.state = this.state.update({ changes: { from: 0, insert: text } }).state;
    this.loading = Promise.resolve(this);
    this.later();
    return this;
  }

  plain(text) { return text.replaceAll("\r\n", "\n"); }
  sent(document) { return this.crlf ? document.toString().replaceAll("\n", "\r\n") : document.toString(); }

  // The state goes through the view while it is shown, so that the view stays in step.
  apply(spec) {
    if (this.view) this.view.dispatch(spec);
    else this.state = this.state.update(spec).state;
  }

  replace(text) {
    const change = this.bundle.changeTo(this.state.doc, this.plain(text));
    if (change.from !== change.to || change.insert) this.apply({ changes: change });
  }

  changed() {
    this.later();
    this.tell(this, "text");
  }

  later() {
    clearTimeout(this.timer);
    if (config.may_write) this.timer = setTimeout(() => this.keep(), WAIT);
  }

  // The draft: at most one request at a time, and the newest text wins.
  async keep({ leaving = false } = {}) {
    clearTimeout(this.timer);
    if (!config.may_write || !this.isText || this.state.doc === this.kept || (!this.dirty && !this.kept)) return;
    if (this.keeping && !leaving) {
      this.later();
      return;
    }
    const document = this.state.doc;
    this.keeping = true;
    try {
      await ask("draft", { body: { path: this.path, base: this.base, text: this.sent(document) }, keepalive: leaving && document.length < 60000 });
      this.kept = this.dirty ? document : null;
      this.trouble = "";
    } catch (error) {
      this.trouble = error instanceof Refused ? error.message : "The server cannot be reached. What you typed is only in this page until it can.";
      this.timer = setTimeout(() => this.keep(), 5000);
    }
    this.keeping = false;
    this.tell(this, "state");
  }

  // Resolves to "saved", "merged" or "conflict".
  save() {
    this.saving = (this.saving ?? Promise.resolve()).catch(() => {}).then(() => this.send());
    return this.saving;
  }

  async send() {
    clearTimeout(this.timer);
    const document = this.state.doc;
    let answer;
    try {
      answer = await ask("save", { body: { path: this.path, base: this.base, text: this.sent(document) } });
    } catch (error) {
      if (error.answer?.state !== "conflict") throw error;
      this.clash = error.answer;
      this.tell(this, "state");
      return { state: "conflict", by: error.answer.by };
    }
    this.clash = null;
    this.note = "";
    this.kept = null;
    this.fresh = false;
    this.trouble = "";
    if (answer.state === "merged" && this.state.doc.eq(document)) this.replace(answer.text);
    if (answer.state === "merged" && !this.state.doc.eq(this.bundle.Text.of(this.plain(answer.text).split("\n")))) return this.send(); // typed meanwhile: merged once more
    this.base = answer.base;
    this.saved = answer.state === "merged" ? this.state.doc : document;
    if (this.dirty) this.later();
    this.tell(this, "state");
    return answer;
  }

  // A conflict ends with a text and the id of what it replaces.
  settle(text, base = this.clash.base) {
    this.base = base;
    this.clash = null;
    this.replace(text);
    this.later();
    this.tell(this, "state");
  }

  async revert() {
    clearTimeout(this.timer);
    await ask("draft/drop", { body: { path: this.path } });
    this.kept = null;
    this.clash = null;
    const found = await ask("text", { query: { path: this.path } });
    this.replace(found.text ?? "");
    clearTimeout(this.timer);
    this.base = found.base;
    this.saved = this.state.doc;
    this.note = "";
    this.tell(this, "state");
  }

  // The file has changed on disk (a pull, another person): take it over where nothing is typed here.
  async refresh() {
    if (!this.isText || this.dirty || this.clash) return;
    const found = await ask("text", { query: { path: this.path } });
    if (found.text === null || found.base === this.base || this.dirty) return;
    this.replace(found.text);
    clearTimeout(this.timer);
    this.base = found.base;
    this.saved = this.state.doc;
    this.tell(this, "state");
  }
}
