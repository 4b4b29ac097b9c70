/** The corner of the page that says who is logged in, and leads to their account and role-plays. */

import { at } from "../core/base_path.js";
import { strings } from "../strings.js";
import { button, h } from "./dom.js";

const words = strings.account;

/** Fill `place`; `me` is what the server says. On a server that is open to anybody, strangers see nothing of it. */
export function showAccountBar(place, me, { on_history }) {
  if (!me || (me.mode === "open" && !me.person)) return place.replaceChildren();
  const link = (text) => h("a", { href: at("/login?next=/") }, text);
  if (!me.person) return place.replaceChildren(link(words.log_in));
  const exam = me.exam ? [h("a", { href: at("/exam") }, strings.exam.link)] : [];
  return place.replaceChildren(...exam, button(words.history, on_history, { kind: "quiet" }), link(me.person.name));
}
