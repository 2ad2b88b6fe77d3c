// The palette of the workspace: files by what is typed of their path, `>` commands, `@` what the file defines, `:` a line.
import { one } from "../dom.js";
import { openDialog } from "../dialogs.js";
import { Offer } from "../offering.js";
import { command, keyText, known, run } from "./commands.js";
import { lookAhead } from "./documents.js";
import { config } from "./server.js";
import { folderOf, iconOf, nameOf } from "./tree.js";

const MOST = 60;
const recently = `workspace:${config.namespace}:recent`;
let workspace;

const recent = () => JSON.parse(localStorage.getItem(recently) ?? "[]");

// How well a path fits what was typed: letters in order, better where they begin words and stand in the name; -1 where they are not all there.
export function fit(path, typed) {
  const text = path.toLowerCase();
  const name = path.lastIndexOf("/") + 1;
  if (text.slice(name).startsWith(typed)) return 2000 - path.length;
  const whole = text.indexOf(typed, name);
  if (whole >= 0) return 1500 - (whole - name) - path.length / 10;
  let score = 0;
  let at = -1;
  let before = -2;
  for (const letter of typed) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return -1;
    score += at === before + 1 ? 8 : /[/_.\- ]/.test(text[at - 1] ?? "/") ? 6 : 1;
    if (at >= name) score += 2;
    before = at;
  }
  return score - path.length / 50;
}

function files(typed) {
  const last = recent().filter((path) => workspace.tree.known.has(path));
  const paths = typed
    ? workspace.tree.files.map((path) => [fit(path, typed) + (last.includes(path) ? 5 : 0), path]).filter(([score]) => score > 0).sort((a, b) => b[0] - a[0]).map(([, path]) => path)
    : [...last.filter((path) => path !== workspace.active()?.path), ...workspace.tree.files.filter((path) => !last.includes(path))];
  return paths.slice(0, MOST).map((path) => ({ title: nameOf(path), hint: folderOf(path), icon: iconOf(path), path, run: () => workspace.open(path) }));
}

function commands(typed) {
  const words = typed.split(/\s+/).filter(Boolean);
  return known().filter((one) => one.when() && words.every((word) => one.label.toLowerCase().includes(word)))
    .map((one) => ({ title: one.label, hint: one.key ? keyText(one.key) : "", icon: one.icon, run: () => run(one.id) }));
}

function symbols(typed) {
  const document = workspace.active();
  if (!document?.isText) return [];
  return (workspace.outline?.(document) ?? []).filter((one) => one.name.toLowerCase().includes(typed))
    .map((one) => ({ title: one.name, hint: `${one.kind}, line ${one.line}`, icon: "hash", run: () => workspace.goTo(document, one.line) }));
}

function line(typed) {
  const document = workspace.active();
  const number = Number.parseInt(typed, 10);
  if (!document?.isText || !number) return [];
  return [{ title: `Go to line ${number}`, hint: `of ${document.state.doc.lines}`, icon: "hash", run: () => workspace.goTo(document, number) }];
}

function search(text) {
  const rest = text.slice(1).trim().toLowerCase();
  const ways = { ">": commands, "@": symbols, ":": line };
  return ways[text[0]] ? ways[text[0]](rest) : files(text.trim().toLowerCase().replaceAll(" ", ""));
}

export function startQuick(made) {
  workspace = made;
  const point = (item) => item.path && !workspace.documents.has(item.path) && lookAhead(item.path);
  const offer = new Offer(one("#work-quick"), { search: (text) => offer.draw(search(text.trimStart())), take: (item) => void item.run(), point });
  const show = (begin) => offer.show(openDialog, begin);
  workspace.listeners.show.push((document) => {
    if (document) localStorage.setItem(recently, JSON.stringify([document.path, ...recent().filter((path) => path !== document.path)].slice(0, 30)));
  });
  command("open-file", "Open a file", () => show(""), { key: "Mod-p", icon: "file" });
  command("commands", "All commands", () => show(">"), { key: "F1", icon: "terminal" });
  command("commands-2", "", () => show(">"), { key: "Mod-Shift-p" });
  command("outline", "What this file defines", () => show("@"), { key: "Mod-Shift-o", icon: "list-tree", when: () => Boolean(workspace.active()?.isText) });
  command("go-line", "Go to a line", () => show(":"), { key: "Mod-g", icon: "hash", when: () => Boolean(workspace.active()?.isText) });
}
