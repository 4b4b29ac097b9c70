/** Shows, on request, where the time before the patient's last answer went: in words, and as a bar for those who see it. */

import { waterfall } from "../core/waterfall.js";
import { strings } from "../strings.js";
import { h, setText } from "./dom.js";

const words = strings.talk.timing;
const inSeconds = (ms) => (ms / 1000).toFixed(2);

export class TimingView {
  constructor() {
    this.lead = h("p", {}, words.none);
    this.bar = h("div", { className: "timing-bar", hidden: true, aria: { hidden: "true" } });
    this.list = h("ol", { className: "timing-parts" });
    this.note = h("p", { className: "hint", hidden: true });
    // Not a live region: whoever wants to know opens it, and nobody else is told in the middle of a conversation.
    this.element = h(
      "details",
      { className: "timing" },
      h("summary", {}, words.title),
      h("div", { className: "timing-body" }, this.lead, this.bar, this.list, this.note),
    );
  }

  /** Show a turn's timeline; one that can't be used changes nothing. */
  show(event) {
    const turn = waterfall(event);
    if (turn === null) return;
    setText(this.lead, words.lead(inSeconds(turn.total_ms)));
    this.bar.hidden = turn.parts.length === 0;
    this.bar.replaceChildren(
      ...turn.parts.map(({ name, ms }) => {
        const part = h("span", { className: `timing-part timing-${name}` });
        part.style.flexGrow = String(ms);
        return part;
      }),
    );
    this.list.replaceChildren(
      ...turn.parts.map(({ name, ms }) =>
        h(
          "li",
          {},
          h("span", { className: `timing-patch timing-${name}`, aria: { hidden: "true" } }),
          h("span", {}, words.part(inSeconds(ms), words.parts[name])),
        ),
      ),
    );
    this.note.hidden = !turn.ahead;
    setText(this.note, turn.ahead ? words.ahead : "");
  }
}
