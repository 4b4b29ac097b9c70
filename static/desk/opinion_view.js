/** A language model's second opinion on a role-play, apart from all marks. */

import { h, IN_ENGLISH, section } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.opinion;

/** Return the panel; `place(at_ms)` is a button that plays from there. */
export function opinionPanel(opinion, place) {
  if (opinion.state !== "made") return section(words.title, { className: "panel" }, h("p", { className: "hint" }, words.none(opinion.say)));
  const rows = opinion.evaluations.map(({ name, most, state, mark, reason, evidence }) =>
    h(
      "div",
      {},
      h("dt", {}, name),
      h("dd", {}, h("strong", {}, state === "made" ? words.would(mark, most) : words.not_usable), " ", h("span", { className: "opinion-reason", ...IN_ENGLISH }, reason), " ", ...evidence.map(({ from_ms }) => place(from_ms))),
    ),
  );
  const left = Object.entries(opinion.not_judged).map(([name, why]) => h("li", {}, `${name}: ${why}`));
  return section(
    words.title,
    { className: "panel" },
    h("p", { className: "hint" }, words.lead),
    h("dl", { className: "figures" }, ...rows),
    left.length > 0 && h("p", { className: "hint" }, words.not_judged),
    left.length > 0 && h("ul", { className: "hint opinion-left" }, ...left),
    h("p", { className: "hint" }, words.model(opinion.model, new Date(opinion.made).toLocaleDateString("en-GB", { dateStyle: "medium" }))),
  );
}
