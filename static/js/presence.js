// Who else is in the files of a namespace: one socket that tells where this page is and hears where the others are.
//
//   import { faces, watch } from "./presence.js";
//   const company = watch(namespace, { branch, onPeople: (people) => …, onSaved: ({ path, base, name, me }) => … });
//   company.here(path);       // another file was opened, "" for none
//   company.typing();         // somebody types; forgotten after three quiet seconds
//   faces(element, people, path); // draws those people as small round initials
//
// A person is {id, name, path, typing, same, me}: `same` sees this very copy, `me` is another window of one's own.
import { connect } from "./live.js";

const QUIET = 3000;

export function watch(namespace, { branch = "", onPeople = () => {}, onSaved = () => {} } = {}) {
  const query = branch ? `?branch=${encodeURIComponent(branch)}` : "";
  const now = { path: "", typing: false };
  let timer = null;
  const link = connect(`/ws/workspace/${encodeURIComponent(namespace)}/${query}`, {
    on: { presence: ({ people }) => onPeople(people), "file.saved": onSaved },
    onOpen: () => tell(),
    onClose: () => onPeople([]),
  });
  function tell() {
    if (link?.state === "open") link.send({ type: "here", ...now });
  }
  function quiet() {
    clearTimeout(timer);
    now.typing = false;
  }
  return {
    here(path) {
      if (path === now.path) return;
      quiet();
      now.path = path;
      tell();
    },
    typing() {
      clearTimeout(timer);
      timer = setTimeout(() => { quiet(); tell(); }, QUIET);
      if (now.typing) return;
      now.typing = true;
      tell();
    },
    close: () => link.close(),
  };
}

const initials = (name) => {
  const words = name.split("@")[0].replaceAll(".", " ").split(" ").filter(Boolean);
  return (words.length > 1 ? words[0][0] + words.at(-1)[0] : (words[0] ?? "?")[0]).toUpperCase();
};

function said(person, path) {
  const who = person.me ? "You, in another window" : person.name;
  if (!person.path) return `${who}: no file open`;
  if (person.path !== path) return `${who}: in ${person.path}`;
  if (person.typing) return `${who}: typing in this file`;
  return person.same ? `${who}: in this file too` : `${who}: in their own copy of this file`;
}

const rank = (person, path) => (person.path === path ? 0 : 2) + (person.typing ? 0 : 1);

// Everybody, those in the file at `path` first and at full strength.
export function faces(element, people, path) {
  const sorted = [...people].sort((one, other) => rank(one, path) - rank(other, path));
  element.replaceChildren(...sorted.slice(0, 5).map((person) => {
    const face = document.createElement("span");
    const here = Boolean(path) && person.path === path;
    face.className = "avatar";
    face.dataset.size = "s";
    face.dataset.where = here ? "here" : "elsewhere";
    face.title = said(person, path);
    face.toggleAttribute("data-typing", here && person.typing);
    face.setAttribute("role", "img");
    face.setAttribute("aria-label", face.title);
    face.textContent = initials(person.name);
    return face;
  }));
  if (people.length > 5) element.append(`+${people.length - 5}`);
}
