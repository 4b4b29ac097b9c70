/** The examiners' desk: who may in, the list, and the one role-play that is open, which the address names. */

import { at } from "../core/base_path.js";
import { storageOf } from "../core/storage.js";
import { fetchMe } from "../net/account_api.js";
import { h } from "../ui/dom.js";
import { Stage } from "../ui/stage.js";
import { DeskApi } from "./desk_api.js";
import { followScreen } from "./follow_screen.js";
import { gateScreen } from "./gate_screen.js";
import { listScreen } from "./list_screen.js";
import { NoteBooks } from "./note_book.js";
import { pastScreen } from "./past_screen.js";

const stage = new Stage(document.getElementById("main"));
const api = new DeskApi();
const books = new NoteBooks((id, note) => api.note(id, note), storageOf("sessionStorage"));
let person = null;

async function begin() {
  person = (await fetchMe().catch(() => null))?.person ?? null;
  if (person) document.getElementById("account").replaceChildren(h("a", { href: at("/login?next=/desk") }, person.name));
  if (!(await mayIn())) return showGate();
  return show();
}

async function mayIn() {
  try {
    await api.live();
    return true;
  } catch (problem) {
    // Anything else is told by the list, which asks again.
    return problem.status !== 401 && problem.status !== 403;
  }
}

function showGate() {
  api.key = "";
  stage.show(
    gateScreen({
      person,
      on_key: async (key) => {
        api.key = key;
        const taken = await mayIn();
        if (taken) show();
        else api.key = "";
        return taken;
      },
    }),
  );
}

/** Return whether the server tells this person who is severe; an examiner is not told. */
const looksAfterExaminers = () => person?.role === "developer" || (person === null && api.key !== "");

const go = (hash) => {
  location.hash = hash;
};

function show() {
  const [, kind, id] = /^#(live|past)\/([\w-]+)$/.exec(location.hash) ?? [];
  const on_back = () => go("");
  if (kind === "live") stage.show(followScreen({ api, id, book: books.of(id), on_back, on_review: () => go(`past/${id}`) }));
  else if (kind === "past") stage.show(pastScreen({ api, id, book: books.of(id), on_back, on_follow: () => go(`live/${id}`) }));
  else stage.show(listScreen({ api, agreement: looksAfterExaminers(), on_follow: (one) => go(`live/${one}`), on_review: (one) => go(`past/${one}`) }));
}

window.addEventListener("hashchange", show);
begin();
