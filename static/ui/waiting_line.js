/** The dialog of those who wait for a place: where they stand, and that they need do nothing. */

import { strings } from "../strings.js";
import { ask } from "./dialogs.js";
import { h, setText } from "./dom.js";

const words = strings.problems.line;
const ASK_EVERY_MS = 3000;

/**
 * Wait for a place after a server was found full (`problem`); `again(ticket)` asks once more. Resolves to what it
 * resolved to, or null when the person gave up; rejects with any other Problem.
 */
export async function standInLine(problem, again) {
  const place = h("p", { className: "dialog-wait", attrs: { role: "status" } });
  let over = false;
  const show = ({ told }) => setText(place, words.place(told.position));
  show(problem);
  const asking = async () => {
    let { told } = problem;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
      if (over) return null;
      try {
        return await again(told.line);
      } catch (refused) {
        if (refused.code === "server.unreachable") continue;
        if (refused.code !== "server.full" || !refused.told.position) throw refused;
        ({ told } = refused);
        show(refused);
      }
    }
  };
  let failed = null;
  const found = asking().catch((refused) => {
    failed = refused;
    return null;
  });
  const { speaking, preparing } = problem.told;
  const chosen = await ask({
    title: words.title,
    body: words.who(speaking, preparing),
    choices: [{ value: null, label: strings.problems.back, kind: "plain" }],
    on_escape: null,
    extra: [place, h("p", {}, words.keep_open)],
    role: "alertdialog",
    until: found,
  });
  over = true;
  if (failed) throw failed;
  return chosen;
}
