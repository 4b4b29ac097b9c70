/** Runs a role-play on its screen, from the first connection to its end. */

import { strings } from "../strings.js";
import { showProblem } from "../ui/dialogs.js";
import { keepAwake } from "../ui/wake_lock.js";
import { ENDING, talkScreen } from "./talk.js";

const CLOSE = { value: "close", label: strings.problems.close, kind: "plain" };

const warnOfLeaving = (event) => event.preventDefault();

/**
 * Resolve with how it ended ({reason} or {problem}); rejects with a Problem when it could not begin.
 *
 * `visit` is kept as it goes on; `on_started()` is called once it has begun, `on_screen(screen)` while it goes on, and with
 * null when it is over. `ending` is asked before the person ends it.
 */
export async function runTalk({ visit, roleplay, desk, preference, stage, ending = ENDING, on_started, on_screen }) {
  const { session, mode, notes, resume } = visit;
  const on_problem = async (problem, retry) => {
    if ((await showProblem(problem, { others: [CLOSE] })) === "retry") retry();
  };
  const screen = talkScreen({ session, mode, notes, resume, left_ms: visit.left_ms, roleplay, desk, preference, ending, on_problem });
  const { onstarted, onpaused } = roleplay;
  const ended = new Promise((resolve) => (roleplay.onended = resolve));
  roleplay.onoffer = (offer) => {
    visit.resume = offer;
    visit.keep();
  };
  roleplay.onstarted = (left_ms) => {
    on_started();
    visit.hasLeft(left_ms);
    visit.keep();
    onstarted(left_ms);
  };
  roleplay.onpaused = (paused, left_ms) => {
    visit.hasLeft(left_ms, { stopped: paused });
    visit.keep();
    onpaused(paused, left_ms);
  };
  stage.show(screen);
  await roleplay.start();
  on_screen(screen);
  const wake_lock = await keepAwake();
  window.addEventListener("beforeunload", warnOfLeaving);
  const outcome = await ended;
  on_screen(null);
  window.removeEventListener("beforeunload", warnOfLeaving);
  wake_lock.release();
  return outcome;
}
