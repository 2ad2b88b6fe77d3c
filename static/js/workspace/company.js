// Who else is in these files: faces in the line at the bottom, and what they save taken over where nothing is typed here.
import { one } from "../dom.js";
import { faces, watch } from "../presence.js";
import { config } from "./server.js";

export function startCompany(workspace) {
  const box = one("[data-faces]");
  let people = [];
  const path = () => workspace.active()?.path ?? "";
  const draw = () => faces(box, people, path());
  const company = watch(config.namespace, {
    branch: config.branch,
    onPeople(found) {
      people = found;
      draw();
    },
    async onSaved({ path: saved, base, name, me }) {
      const document = workspace.documents.get(saved);
      if (!document?.isText) {
        void workspace.reload();
        return;
      }
      if (document.base === base) return; // this page's own save
      if (!document.dirty) await document.refresh().catch(() => {});
      else if (!me) workspace.hint(`${name} saved ${saved}; your text will be put together with it`);
    },
  });
  workspace.listeners.show.push((document) => {
    company.here(document?.path ?? "");
    draw();
  });
  workspace.listeners.text.push((document) => {
    if (document === workspace.active() && document.dirty) company.typing();
  });
}
