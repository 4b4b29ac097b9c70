/** The page on which an exam is sat: the server's clock leads from phase to phase, and this follows it. */

import { AudioDesk } from "../audio/desk.js";
import { mustLogIn } from "../core/account.js";
import { at } from "../core/base_path.js";
import { Countdown } from "../core/clock.js";
import { consentShown } from "../core/consent.js";
import { environmentProblem, Problem } from "../core/problems.js";
import { storageOf } from "../core/storage.js";
import { Visit } from "../core/visit.js";
import { fetchMe } from "../net/account_api.js";
import { fetchInfo } from "../net/api.js";
import { Roleplay } from "../net/roleplay.js";
import { beforeScreen } from "../screens/before.js";
import { prepareScreen } from "../screens/prepare.js";
import { runTalk } from "../screens/talk_run.js";
import { strings } from "../strings.js";
import { showProblem } from "../ui/dialogs.js";
import { loadPreference, savePreference } from "../ui/preference.js";
import { Stage } from "../ui/stage.js";
import { examToShow, opensIn, storeFor } from "./choosing_exam.js";
import { beginExam, fetchExam, fetchExams, openPart } from "./exam_api.js";
import { endScreen, timeScreen, waitScreen } from "./exam_screens.js";

const words = strings.exam;
const CLOSE = { value: "close", label: strings.problems.close, kind: "plain" };
// The server's clock may be a moment behind ours.
const A_MOMENT_MS = 400;

const main = document.getElementById("main");
const stage = new Stage(main);
const preference = loadPreference();
const consent = { given: false, remote: false };
const now = () => performance.now();
let info = null;
let desk = null;
let exam = null;
let notes = null; // of the part at hand: {part, text, done}

const tabStore = () => {
  const store = storageOf("sessionStorage");
  return store && storeFor(store, "interlocutor.exam");
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const leave = () => location.assign(at("/"));

async function begin() {
  const problem = environmentProblem(window);
  if (problem) await showProblem(problem, { retry: false });
  try {
    const me = await fetchMe();
    if (mustLogIn(me) || !me.person) return location.assign(at("/login?next=/exam"));
    info = await fetchInfo();
    const { exams, now_ms } = await fetchExams();
    const ahead_ms = now_ms - now();
    exam = examToShow(exams, now_ms);
    if (exam === null) return stage.show(endScreen({ title: words.title, text: words.none, on_leave: leave }));
    return stage.show(timeScreen({ exam, opens_in: () => opensIn(exam, now() + ahead_ms), on_begin: showBefore, on_leave: leave }));
  } catch (failure) {
    await showProblem(failure);
    return begin();
  }
}

/** Ask for consent and check the devices: sound may only be opened by a click. */
function showBefore() {
  desk ??= new AudioDesk();
  stage.show(
    beforeScreen({
      card: { title: exam.title },
      mode: "exam",
      consent,
      info,
      preference,
      desk: () => desk,
      on_go: async () => {
        savePreference(preference);
        try {
          await desk.start();
          await beginExam(exam.id);
        } catch (problem) {
          return showWaiting(problem);
        }
        return follow();
      },
      on_leave: leave,
      on_problem: async (problem, retry) => {
        const chosen = await showProblem(problem, { retry: retry !== null, others: retry ? [CLOSE] : [] });
        if (chosen === "retry") retry();
      },
    }),
  );
}

/** Show what the exam has come to, until it is over. */
async function follow() {
  let seen;
  try {
    seen = await fetchExam(exam.id);
  } catch (problem) {
    return showWaiting(problem);
  }
  const { phase } = seen;
  document.body.dataset.phase = phase?.name ?? "";
  if (phase === null) return showEnd(seen);
  if (notes?.part !== phase.part) notes = { part: phase.part, text: "", done: [] };
  return phase.name === "preparation" ? prepare(seen) : talk(phase);
}

function prepare({ card, phase }) {
  const countdown = new Countdown(phase.left_ms + A_MOMENT_MS, now);
  stage.show(prepareScreen({ session: { card }, notes, countdown, starts_alone: true, on_start: follow, on_leave: leave }));
}

/** Hold the talk of a phase; one that a page before this one held is gone on with. */
async function talk(phase) {
  let visit = Visit.kept(tabStore());
  try {
    if (visit === null || visit.session.part !== phase.part || visit.resume === null) {
      const session = await openPart(exam.id, consentShown(strings.before.consent, consent, info));
      visit = new Visit(tabStore(), { ...session, part: phase.part }, "exam", notes.text);
    }
    Object.assign(visit.notes, { text: notes.text, done: notes.done });
    visit.hasLeft(phase.left_ms);
    if (!desk.microphone.open) await desk.microphone.start();
    const roleplay = new Roleplay(visit.session, desk, { resume: visit.resume });
    const outcome = await runTalk({ visit, roleplay, desk, preference, stage, on_started: () => visit.keep(), on_screen: () => {} });
    if (outcome.problem) throw outcome.problem;
  } catch (problem) {
    visit?.forget();
    return showWaiting(problem);
  }
  visit.forget();
  await pause(A_MOMENT_MS);
  return follow();
}

/** Something is in the way: say what the server says, and look again with the next phase. */
async function showWaiting(problem) {
  const text = problem instanceof Problem && problem.detail ? words.because(problem.detail) : words.lost;
  stage.show(waitScreen({ text, on_again: follow }));
  const waiting = main.firstElementChild;
  const seen = await fetchExam(exam.id).catch(() => null);
  if (seen === null) return undefined;
  await pause((seen.phase?.left_ms ?? 0) + A_MOMENT_MS);
  return main.firstElementChild === waiting ? follow() : undefined;
}

function showEnd({ state }) {
  desk?.close();
  desk = null;
  stage.show(endScreen({ title: words.over_title, text: state === "void" ? words.void : words.over, on_leave: leave }));
}

begin();
