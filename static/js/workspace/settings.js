// What a person chooses for the editor: kept on the server, so that it is the same everywhere, and seen at once.
import { all, on, one } from "../dom.js";
import { openDialog } from "../dialogs.js";
import { command } from "./commands.js";
import { remember } from "./panes.js";
import { config } from "./server.js";

let workspace;

function fill(form) {
  for (const field of all("select, input", form)) {
    const value = config.settings[field.name];
    if (field.type === "checkbox") field.checked = value;
    else field.value = String(value);
  }
}

function read(field) {
  if (field.type === "checkbox") return field.checked;
  return field.name === "colours" ? field.value : Number(field.value);
}

async function apply(name) {
  const { root, bundle } = workspace;
  const { settings } = config;
  if (name === "font") {
    root.dataset.size = settings.font;
    for (const group of workspace.groups()) group.view?.requestMeasure();
  }
  if (name === "colours") {
    if (settings.colours === "page") delete root.dataset.colours;
    else root.dataset.colours = settings.colours;
  }
  if (name === "vim") workspace.vim = settings.vim ? await bundle.vimKeys(() => workspace.save()) : [];
  const changes = { tab: name === "tab" ? settings.tab : undefined, wrap: name === "wrap" ? settings.wrap : undefined, keys: name === "vim" ? workspace.vim : undefined };
  const effects = bundle.adjusted(changes);
  if (effects.length) for (const document of workspace.documents.values()) if (document.isText) document.apply({ effects });
}

export async function startSettings(made) {
  workspace = made;
  if (config.settings.vim) workspace.vim = await workspace.bundle.vimKeys(() => workspace.save());
  const dialog = one("#work-settings");
  command("settings", "Settings of the editor", () => {
    fill(one("form", dialog));
    openDialog(dialog);
  }, { key: "Mod-,", icon: "settings" });
  on("change", "#work-settings select, #work-settings input", (event, field) => {
    remember({ [field.name]: read(field) });
    void apply(field.name);
  });
}
