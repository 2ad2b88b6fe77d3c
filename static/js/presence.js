// Who else is in the files of a namespace: one socket that tells where this page is and hears where the others are.
//
//   import { faces, watch } from "./presence.js";
//   const company = watch(namespace, { branch, onPeople: (people) => …, onSaved: ({ path, base, name, me }) => … });
//   company.here(path);       // another file was opened, "" for none
//   company.typing();         // somebody types; forgotten after three quiet seconds
//   faces(element, people);   // draws those people as small round initials
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

function said(person) {
  const who = person.me ? "You, in another window" : person.name;
  if (person.typing) return `${who}: typing`;
  return person.same ? `${who}: in this file too` : `${who}: in their own copy of this file`;
}

export function faces(element, people) {
  element.replaceChildren(...people.slice(0, 5).map((person) => {
    const face = document.createElement("span");
    face.className = "avatar";
    face.dataset.size = "s";
    face.title = said(person);
    face.toggleAttribute("data-typing", person.typing);
    face.setAttribute("role", "img");
    face.setAttribute("aria-label", said(person));
    face.textContent = initials(person.name);
    return face;
  }));
  if (people.length > 5) element.append(`+${people.length - 5}`);
}
