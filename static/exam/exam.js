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
import { agrees, showProblem } from "../ui/dialogs.js";
import { loadPreference, savePreference } from "../ui/preference.js";
import { Stage } from "../ui/stage.js";
import { examToShow, isOf, mayGoOn, nextStep, opensIn, storeFor } from "./choosing_exam.js";
import { beginExam, fetchExam, fetchExams, openPart } from "./exam_api.js";
import { endScreen, timeScreen, waitScreen } from "./exam_screens.js";
import { PartNotes } from "./part_notes.js";

const words = strings.exam;
const CLOSE = { value: "close", label: strings.problems.close, kind: "plain" };
// The server's clock may be a moment behind ours.
const A_MOMENT_MS = 400;
// An exam that stands still is looked at so often.
const LOOK_MS = 1000;

// What is agreed to: an exam that has examiners.
const PLANNED = { mode: "exam", planned: true };

const main = document.getElementById("main");
const stage = new Stage(main);
const preference = loadPreference();
const consent = { given: false, remote: false };
const now = () => performance.now();
let info = null;
let desk = null;
let exam = null;
let notes = null; // PartNotes of the part at hand

const tabStore = () => {
  const store = storageOf("sessionStorage");
  return store && storeFor(store, "interlocutor.exam");
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const leave = () => location.assign(at("/"));
/** Leave an exam; one whose clock runs is not left by mistake. */
const leaveExam = async () => {
  if (exam.state !== "begun" || (await agrees(words.leaving))) leave();
};

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
    return stage.show(timeScreen({ exam, opens_in: () => opensIn(exam, now() + ahead_ms), on_begin: showBefore, on_leave: leaveExam }));
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
      ...PLANNED,
      consent,
      info,
      preference,
      lead: exam.state === "begun" ? words.running : undefined,
      leave: words.leave_exam,
      desk: () => desk,
      on_go: async () => {
        savePreference(preference);
        try {
          await desk.start();
          await beginExam(exam.id);
        } catch (problem) {
          return showWaiting(reasonOf(problem, exam.state === "begun" ? words.lost : words.not_begun));
        }
        return follow();
      },
      on_leave: leaveExam,
      on_problem: async (problem, retry) => {
        const chosen = await showProblem(problem, { retry: retry !== null, others: retry ? [CLOSE] : [] });
        if (chosen === "retry") retry();
      },
    }),
  );
}

/** Show what the exam has come to, until it is over; one that could not begin can be begun again. */
async function follow() {
  let seen;
  try {
    seen = await fetchExam(exam.id);
  } catch (problem) {
    return showWaiting(reasonOf(problem));
  }
  const { phase, state } = seen;
  const step = nextStep(seen);
  exam.state = state;
  document.body.dataset.phase = phase?.name ?? "";
  if (step === "end") return showEnd(seen);
  if (step === "wait") return showWaiting(words.stands);
  if (step === "begin") {
    closeDesk();
    return begin();
  }
  if (notes?.part !== phase.part) notes = new PartNotes(storageOf("sessionStorage"), exam.id, phase.part);
  return step === "prepare" ? prepare(seen) : talk(phase);
}

function prepare({ card, phase }) {
  const countdown = new Countdown(phase.left_ms + A_MOMENT_MS, now);
  stage.show(
    prepareScreen({ session: { card }, notes, countdown, starts_alone: true, leave: words.leave_exam, on_start: follow, on_leave: leaveExam }),
  );
}

/** Hold the talk of a phase; one that a page before this one held is continued. */
async function talk(phase) {
  let visit = Visit.kept(tabStore());
  let roleplay = null;
  try {
    if (!isOf(visit, exam.id, phase.part)) {
      const session = await openPart(exam.id, consentShown(strings.before.consent, consent, info, PLANNED));
      visit = new Visit(tabStore(), { ...session, exam: exam.id, part: phase.part }, "exam");
    }
    visit.notes = notes;
    visit.hasLeft(phase.left_ms);
    if (!desk.microphone.open) await desk.microphone.start();
    roleplay = new Roleplay(visit.session, desk, { resume: visit.resume });
    const outcome = await runTalk({
      visit,
      roleplay,
      desk,
      preference,
      stage,
      ending: words.ending,
      on_started: () => visit.keep(),
      on_screen: () => {},
    });
    if (outcome.problem) throw outcome.problem;
  } catch (problem) {
    roleplay?.abandon();
    if (visit !== null && !mayGoOn(visit, problem)) visit.forget();
    return showWaiting(reasonOf(problem));
  }
  visit.forget();
  await pause(A_MOMENT_MS);
  return follow();
}

/** Return what is in the way: the server's words, or else `otherwise`. */
const reasonOf = (problem, otherwise = words.lost) => (problem instanceof Problem && problem.detail ? words.because(problem.detail) : otherwise);

/** Something is in the way: say what, and look again with the next phase. */
async function showWaiting(text) {
  stage.show(waitScreen({ text, on_again: follow }));
  const waiting = main.firstElementChild;
  const isShown = () => main.firstElementChild === waiting;
  const look = () => fetchExam(exam.id).catch(() => null);
  let seen = await look();
  while (isShown() && seen !== null && nextStep(seen) === "wait") {
    await pause(LOOK_MS);
    seen = await look();
  }
  // An exam that has not begun begins by a click.
  if (seen === null || nextStep(seen) === "begin") return undefined;
  await pause((seen.phase?.left_ms ?? 0) + A_MOMENT_MS);
  return isShown() ? follow() : undefined;
}

function closeDesk() {
  desk?.close();
  desk = null;
}

function showEnd({ state }) {
  closeDesk();
  notes?.forget();
  Visit.kept(tabStore())?.forget();
  stage.show(endScreen({ title: words.over_title, text: state === "void" ? words.void : words.over, on_leave: leave }));
}

begin();
