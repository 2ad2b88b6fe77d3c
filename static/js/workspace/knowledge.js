// What is known of a dbt project, asked once and indexed once: a key that is pressed asks the server nothing.
import { ask } from "./server.js";
import { folderOf } from "./tree.js";
import { columns, queries, relations } from "./sql.js";

const BEST = 3000;
const MOST = 60; // options that a list has
const REFERABLE = new Set(["model", "seed", "snapshot"]);

export class Knowledge {
  constructor(found) {
    Object.assign(this, found);
    this.nodes = new Map();
    this.sources = new Map();
    this.byPath = new Map();
    this.macroOf = new Map();
    const referable = [];
    const groups = new Map();
    for (const node of found.models) {
      if (node.kind === "source") {
        this.sources.set(`${node.source}.${node.name}`, node);
        groups.set(node.source, [...(groups.get(node.source) ?? []), node]);
      } else if (REFERABLE.has(node.kind)) {
        if (!this.nodes.has(node.name) || node.package === found.project) this.nodes.set(node.name, node);
        referable.push(node);
        if (node.package === found.project) this.byPath.set(node.path, node);
      }
    }
    for (const macro of found.macros) {
      this.macroOf.set(`${macro.package}.${macro.name}`, macro);
      if (!this.macroOf.has(macro.name) || macro.package === found.project) this.macroOf.set(macro.name, macro);
    }
    this.refs = indexed(referable, (node) => ({ name: node.name, detail: node.package === found.project ? node.kind : node.package, about: node }));
    this.groups = groups;
    this.groupNames = indexed([...groups.keys()], (name) => ({ name, detail: `${groups.get(name).length} tables` }));
    this.macroNames = indexed(found.macros, (macro) => ({ name: macro.package === found.project ? macro.name : `${macro.package}.${macro.name}`, detail: `(${(macro.args ?? []).map((one) => one.name ?? one).join(", ")})`, about: macro }));
    this.varNames = indexed(found.vars, (one) => ({ name: one.name, detail: String(one.value ?? ""), about: one }));
    this.docNames = indexed(found.docs, (one) => ({ name: one.name, detail: "doc", about: one }));
    this.configKeys = indexed(found.configs, (one) => ({ name: one.key, detail: "config", about: one }));
    this.read = new WeakMap();
  }

  // The node that a relation of a query stands for; null for a CTE or a table that is not known.
  node(relation) {
    if (relation.kind === "source") return this.sources.get(`${relation.group}.${relation.name}`) ?? null;
    if (relation.kind === "ref") return this.nodes.get(relation.name) ?? null;
    return null;
  }

  // A text as queries, with `columnsOf(relation)`; read once for each version of it.
  queries(document) {
    let found = this.read.get(document);
    if (!found) {
      found = queries(document.toString());
      const seen = new Map();
      const columnsOf = (relation) => {
        const node = this.node(relation);
        if (node) return node.columns.map((column) => ({ ...column, node: node.name }));
        const cte = relation.kind === "name" ? found.ctes.find((one) => one.name.toLowerCase() === relation.name.toLowerCase()) : null;
        if (!cte) return [];
        if (!seen.has(cte)) {
          seen.set(cte, []); // one that reads itself ends here
          seen.set(cte, columns(found, cte, columnsOf));
        }
        return seen.get(cte);
      };
      found.columnsOf = columnsOf;
      this.read.set(document, found);
    }
    return found;
  }

  // The relations that are in sight at a part of a text, with their columns.
  scope(document, part) {
    const found = this.queries(document);
    return relations(found.plain, part.from, part.to).map((relation) => ({ ...relation, columns: found.columnsOf(relation) }));
  }
}

function indexed(list, make) {
  return list.map((one) => {
    const entry = make(one);
    entry.key = entry.name.toLowerCase();
    return entry;
  });
}

// The entries that fit what was typed, the best first: as the beginning, inside, or letter by letter.
export function fitting(entries, typed, most = MOST) {
  const wanted = typed.toLowerCase();
  if (!wanted) return entries.slice(0, most);
  const ranks = []; // entries by how far they are from the best score: nothing is sorted but what is shown
  for (const entry of entries) {
    const at = entry.key.indexOf(wanted);
    let score = at === 0 ? BEST : at > 0 ? (entry.key[at - 1] === "_" ? 2000 : 1000) : 0;
    if (at < 0) {
      let from = -1;
      for (const letter of wanted) {
        const next = entry.key.indexOf(letter, from + 1);
        if (next < 0) { from = -2; break; }
        score += next === from + 1 ? 8 : entry.key[next - 1] === "_" ? 6 : 1;
        from = next;
      }
      if (from === -2) continue;
    }
    const rank = Math.max(0, BEST - score) + Math.min(entry.key.length, 500);
    (ranks[rank] ??= []).push(entry);
  }
  const found = [];
  for (let rank = 0; rank < ranks.length && found.length < most; rank += 1) if (ranks[rank]) found.push(...ranks[rank].slice(0, most - found.length));
  return found;
}

// The projects of the copy that is open, each asked for once; `again` asks after files have changed (an answer of 304 costs nothing).
export class Projects {
  constructor(tree, onNews) {
    Object.assign(this, { tree, onNews });
    this.known = new Map();
    this.none = false;
  }

  // The folder of the project that a file belongs to; null where it belongs to none.
  folder(path) {
    for (let folder = folderOf(path); ; folder = folderOf(folder)) {
      if (this.tree.known.has(folder ? `${folder}/dbt_project.yml` : "dbt_project.yml")) return folder;
      if (!folder) return null;
    }
  }

  // What is known now, which is null until it has come.
  now(path) {
    const folder = this.folder(path);
    if (folder === null) return null;
    if (!this.known.has(folder)) {
      this.known.set(folder, null);
      void this.load(folder);
    }
    return this.known.get(folder);
  }

  async load(folder) {
    try {
      const begin = performance.now();
      const found = await ask("dbt/knowledge", { query: { path: folder ? `${folder}/dbt_project.yml` : "dbt_project.yml" } });
      const made = new Knowledge(found);
      made.seconds = (performance.now() - begin) / 1000;
      this.known.set(folder, made);
      this.onNews(folder, made);
    } catch (error) {
      this.onNews(folder, null, error);
    }
  }

  again() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { for (const folder of this.known.keys()) void this.load(folder); }, 400);
  }
}
