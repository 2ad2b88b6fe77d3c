// The lineage around the open file, two steps up and down, in the bottom pane: drawn by what draws the catalog's; a node leads to its file.
import { one } from "../dom.js";
import { Drawing } from "../lineage-drawing.js";
import { ask, config } from "./server.js";

const FAR = 0.6; // zoom below which the open file is brought near instead

export class Lineage {
  // nothing(box, text) and trouble(box, text) show a sentence in place of the graph; note(text) is the line beside the tabs.
  constructor(workspace, box, { nothing, trouble, note }) {
    Object.assign(this, { workspace, box, trouble, note, nothing, path: "", drawn: "", asked: 0 });
    this.stage = one("[data-stage]", box);
    this.words = one("[data-words]", box);
    this.graph = new Drawing(this.stage, {
      icons: box.dataset.icons,
      href: (node) => this.address(node),
      own: "",
      onChoose: (node, open) => open && this.enter(node),
      onEnter: (node) => this.enter(node),
    });
    this.graph.frame.addEventListener("keydown", (event) => event.key === "0" && this.graph.fit());
  }

  address(node) {
    const url = new URL(config.base, location.href);
    if (config.branch) url.searchParams.set("branch", config.branch);
    url.searchParams.set("path", this.paths[node.id] ?? this.path);
    return url.href;
  }

  enter(node) {
    const path = this.paths[node.id];
    if (path) void this.workspace.open(path, { focus: false });
    else this.workspace.hint(`${node.name} belongs to another package: its file is not here.`);
  }

  say(tell, text) {
    this.stage.hidden = true;
    this.words.hidden = false;
    tell(this.words, text);
    this.note();
    this.drawn = "";
  }

  // Draw what is around this document, as it is saved; what is drawn already stays as it stands.
  async draw(document) {
    const path = document?.path ?? "";
    const number = ++this.asked;
    if (!path || this.workspace.projects.folder(path) === null) return this.say(this.nothing, "Open a model, seed, snapshot or the YAML of sources to see what it reads and what reads it.");
    let answer;
    try {
      answer = await ask("dbt/lineage", { query: { path } });
    } catch (error) {
      return number === this.asked ? this.say(this.trouble, error.message) : undefined;
    }
    if (number !== this.asked) return undefined;
    if (!answer.nodes.length) return this.say(this.nothing, document.isNew ? "Save this file to see what it reads and what reads it." : "This file makes no node of dbt: open a model, seed, snapshot or the YAML of sources.");
    return this.show(path, answer);
  }

  show(path, answer) {
    const [first] = answer.own, text = JSON.stringify(answer);
    this.stage.hidden = false;
    this.words.hidden = true;
    this.note(`${answer.nodes.length} ${answer.nodes.length === 1 ? "node" : "nodes"}, two steps up and down, as it is saved`);
    if (text === this.drawn) return this.graph.draw();
    const held = this.stage.contains(window.document.activeElement);
    Object.assign(this, { path, paths: answer.paths, drawn: text });
    const { graph } = this;
    graph.own = String(answer.nodes[0][9]);
    graph.take(answer);
    const index = graph.indices.get(first);
    graph.chosen = index;
    graph.fit();
    if (graph.scale < FAR) {
      graph.scale = 1;
      graph.centre(graph.nodes[index]);
    }
    graph.paintAll();
    if (held) graph.focusChosen();
    return undefined;
  }
}
