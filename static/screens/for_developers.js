/** What developers look at after a role-play: how fast the patient answered, and the log; behind a link of its own. */

import { seconds } from "../core/cards.js";
import { fetchLog } from "../net/record_api.js";
import { strings } from "../strings.js";
import { button, h, setText } from "../ui/dom.js";

const words = strings.debrief;

/** Return the part of the page, closed until it is asked for. */
export function forDevelopers({ session, latency: { p50, p95 } }) {
  const known = typeof p50 === "number" && typeof p95 === "number";
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const save = button(
    words.log_save,
    async () => {
      try {
        const url = URL.createObjectURL(await fetchLog(session));
        h("a", { href: url, download: words.log_file(session.card.id) }).click();
        URL.revokeObjectURL(url);
        setText(status, "");
      } catch {
        setText(status, words.not_fetched);
      }
    },
    { kind: "plain" },
  );
  return h(
    "details",
    { className: "for-developers" },
    h("summary", {}, words.developers),
    h("h3", {}, words.latency),
    h("p", {}, known ? words.latency_text(seconds(p50), seconds(p95)) : words.latency_none),
    save,
    status,
  );
}
