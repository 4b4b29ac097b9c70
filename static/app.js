/** The page: joins the screens in the order that core/flow.js allows. */

import { After, known } from "./after.js";
import { at } from "./core/base_path.js";
import { AudioDesk } from "./audio/desk.js";
import { addressOf } from "./core/address.js";
import { consentShown } from "./core/consent.js";
import { Flow } from "./core/flow.js";
import { modesFor, mustLogIn } from "./core/account.js";
import { Held } from "./core/held.js";
import { Journal } from "./core/journal.js";
import { environmentProblem, Problem } from "./core/problems.js";
import { storageOf } from "./core/storage.js";
import { Visit } from "./core/visit.js";
import { fetchHeld, fetchHistory, fetchMe } from "./net/account_api.js";
import { fetchAccount } from "./net/account_of.js";
import { fetchCards, fetchInfo, fetchSummary, openSession, whyRefused } from "./net/api.js";
import { Place } from "./net/place.js";
import { Roleplay } from "./net/roleplay.js";
import { beforeScreen } from "./screens/before.js";
import { chooseScreen } from "./screens/choose.js";
import { closingScreen } from "./screens/debrief.js";
import { goingOnScreen } from "./screens/going_on.js";
import { goneScreen } from "./screens/gone.js";
import { historyScreen, pagesOf } from "./screens/history.js";
import { prepareScreen } from "./screens/prepare.js";
import { ENDING } from "./screens/talk.js";
import { runTalk } from "./screens/talk_run.js";
import { strings } from "./strings.js";
import { showAccountBar } from "./ui/account_bar.js";
import { Addresses } from "./ui/addresses.js";
import { agrees, showProblem } from "./ui/dialogs.js";
import { Stage } from "./ui/stage.js";
import { loadPreference, savePreference } from "./ui/preference.js";
import { standInLine } from "./ui/waiting_line.js";

const TO_CARDS = { value: "leave", label: strings.problems.back, kind: "plain" };
const CLOSE = { value: "close", label: strings.problems.close, kind: "plain" };
// A token that ends sooner than this might not last until the connection stands.
const RENEW_MARGIN_S = 15;

const flow = new Flow();
const place = new Place();
const addresses = new Addresses();
const stage = new Stage(document.getElementById("main"));
const preference = loadPreference();
// By mode, since the words differ; for as long as the page is open.
const consents = { practice: { given: false, remote: false }, exam: { given: false, remote: false } };
let info = null;
let me = null; // who is logged in, and how this server takes strangers
let cards = [];
let desk = null;
let visit = null; // of the card that was chosen
let journal = new Journal(null); // the role-plays of this browser
let held = new Held(); // those of its person that the server knows
let talking = null; // the screen of the role-play
const after = new After({
  stage,
  addresses,
  journal: () => journal,
  // Who is logged in opens theirs by that, on whatever computer.
  keeps_tokens: () => !me?.person,
  kept: () => info.kept,
  ways: {
    on_again: ({ session, mode, notes }) => again(session.card, mode, notes),
    on_anew: ({ session, mode }) => anew(session.card, mode),
    on_leave: () => leave(),
  },
});

// Somebody else has the place by now: another one is asked for when the role-play begins.
place.onlost = () => visit?.expire();

const tabStore = () => storageOf("sessionStorage");
const openJournal = () => new Journal(storageOf("localStorage"), me?.person?.id ?? null);

const agreedTo = (mode) => consentShown(strings.before.consent, consents[mode], info, { mode });

async function begin() {
  const problem = environmentProblem(window);
  if (problem) await showProblem(problem, { retry: false });
  await loadCards();
}

async function loadCards() {
  try {
    me = await fetchMe();
    if (mustLogIn(me)) return location.assign(at("/login?next=/"));
    [info, cards, held] = await Promise.all([fetchInfo(), fetchCards(), me.person ? fetchHeld(me.person.id) : new Held()]);
  } catch (problem) {
    await showProblem(problem);
    return loadCards();
  }
  journal = openJournal();
  visit = Visit.kept(tabStore());
  if (visit !== null) return comeBack();
  const { first } = addresses;
  // Before one starts sound is opened, and that takes a click.
  return first.screen === "card" ? showChoose() : goTo(first);
}

/** Somebody pressed Back, or came with an address. */
addresses.onmoved = (wanted) => {
  if (talking !== null) {
    addresses.show(addressOf("now"));
    return talking.ask_to_leave();
  }
  if (isWaiting()) return endWaiting();
  if (flow.screen !== "choosing") {
    if (!flow.can("leave")) return addresses.show(addressOf("now")); // something is just being done
    if (visit?.taken) leaveTaken();
    else leave();
    if (wanted.screen === "cards") return undefined; // that is where one is now
  }
  return goTo(wanted);
};

/** Go from the cards to what an address names; what leads nowhere leads to the cards. */
function goTo({ screen, id }) {
  if (screen === "past") return openPast({ id });
  if (screen === "history") return showHistory();
  showChoose();
  const card = screen === "card" ? cards.find((one) => one.id === id) : null;
  return card ? choose(card, preference.mode) : undefined;
}

/** The page was loaded anew while a role-play was under way: go on with it, if it still is. */
async function comeBack() {
  flow.take("found");
  const status = await statusOf(visit.session);
  if (status === "ended") return close({ reason: "lost" });
  const preparing = visit.resume === null;
  if (preparing && status === "gone") visit.expire(); // its place was given to somebody else meanwhile
  if (preparing || status === "running" || status === "unknown") return showGoingOn();
  await showProblem(new Problem("session.over"), { retry: false });
  return leave();
}

/** Return a session's status; "unknown" when the server can't be asked, and "gone" when it does not know the session. */
async function statusOf(session) {
  try {
    return (await fetchSummary(session)).status;
  } catch (problem) {
    return problem.status >= 400 && problem.status < 500 ? "gone" : "unknown";
  }
}

/** Offer to go on: sound may only be opened by a click. */
function showGoingOn() {
  const { taken } = visit;
  addresses.show(addressOf("now"));
  stage.show(
    goingOnScreen({
      visit,
      taken,
      on_go: () => goOn(),
      on_leave: () => (taken ? leaveTaken() : isWaiting() ? endWaiting() : leave()),
    }),
  );
  closeDesk();
  if (visit.resume === null) place.hold(visit.session);
}

/** Whether a role-play is under way that this tab may go on with: whoever leaves it ends it. */
const isWaiting = () => flow.screen === "returning" && visit.resume !== null && !visit.taken;

async function endWaiting() {
  addresses.show(addressOf("now"));
  if (!(await agrees(ENDING))) return undefined;
  place.giveBack(visit.session);
  return close({ reason: "ended" });
}

async function goOn() {
  desk = new AudioDesk();
  desk.microphone.device_id = preference.device_id;
  visit.taken = false;
  visit.keep();
  if (visit.resume !== null) return startTalk();
  flow.take("prepare");
  return showPrepare();
}

function showChoose() {
  addresses.show(addressOf("cards"));
  const modes = modesFor(me, Object.keys(strings.modes));
  const { entries } = journal;
  stage.show(
    chooseScreen({
      cards,
      info,
      preference,
      modes,
      held: held.with(entries),
      count: me.person ? held.count(entries) : entries.length,
      whole: held.whole,
      missed_of: (entry) => after.learn(entry),
      on_choose: (card, mode) => choose(card, mode),
      on_history: () => showHistory(),
    }),
  );
  showAccountBar(document.getElementById("account"), me, { on_history: () => showHistory() });
  closeDesk(); // after the screen before has let go of it
  visit?.forget();
  visit = null;
}

/** Earlier role-plays; they can be looked at while nothing else is under way. */
function showHistory() {
  if (!flow.can("look_back")) return;
  flow.take("look_back");
  addresses.show(addressOf("history"));
  const { person } = me;
  const local = !person;
  stage.show(
    historyScreen({
      // Their own: an admin may list everybody's, but open none of these.
      fetch: local ? pagesOf(journal) : (after) => fetchHistory(after, { person_id: person.id }),
      kept: info.kept,
      journal,
      local,
      on_open: (row) => openPast(row),
      on_leave: () => leave(),
      on_forgotten: () => {
        journal = openJournal();
        leave();
      },
    }),
  );
}

/** An earlier role-play, as it was shown when it was over: by its id, with what this browser knows of it. */
async function openPast({ id }) {
  if (flow.screen === "choosing") flow.take("look_back");
  flow.take("open");
  addresses.show(addressOf("past", id));
  const entry = journal.find(id);
  const card = { id: entry?.card_id ?? "", title: entry?.card_title ?? "" };
  visit = new Visit(null, { id, token: entry?.token ?? "", card, prepare_s: 0 }, entry?.mode ?? "practice");
  stage.show(closingScreen());
  const record = await fetchAccount(visit.session);
  flow.take("closed");
  if (record === "logged_out" && (me.person || me.mode !== "open")) return location.assign(at("/login?next=/"));
  if (record === "gone") journal.remove(id);
  if (typeof record === "string") return showGone(entry, record);
  if (record) {
    visit.session.card = record.card;
    visit.mode = record.mode;
  }
  return after.show(visit, { record, reason: "other", past: true });
}

/** What somebody came back to is not there any more, or not for them: `why` as of fetchAccount. */
function showGone(entry, why) {
  const card = cards.find((one) => one.id === entry?.card_id);
  stage.show(goneScreen({ why, on_again: card ? () => anew(card, entry.mode) : null, on_leave: () => leave() }));
}

/** Ask for consent and check the devices; called from a click, since sound may only be opened there. */
async function choose(card, mode) {
  savePreference(preference);
  const environment = environmentProblem(window);
  if (environment) return showProblem(environment, { retry: false });
  flow.take("choose");
  desk ??= new AudioDesk();
  return showBefore(card, mode);
}

function showBefore(card, mode) {
  addresses.show(addressOf("card", card.id));
  showAccountBar(document.getElementById("account"), null, {}); // one thing at a time
  stage.show(
    beforeScreen({
      card,
      mode,
      consent: consents[mode],
      info,
      preference,
      desk: () => desk,
      on_go: () => {
        savePreference(preference);
        flow.take("agreed");
        return reserve(card, mode);
      },
      on_leave: () => leave(),
      on_problem: async (problem, retry) => {
        const chosen = await showProblem(problem, { retry: retry !== null, others: retry ? [CLOSE] : [] });
        if (chosen === "retry") retry();
      },
    }),
  );
}

/** The same card again: what was agreed to and checked a few minutes ago still holds, but for the microphone. */
async function again(card, mode, notes) {
  desk ??= new AudioDesk();
  desk.microphone.device_id = preference.device_id;
  try {
    await desk.start();
    if (!desk.microphone.open) await desk.microphone.start();
  } catch (problem) {
    const chosen = await showProblem(problem, { others: [TO_CARDS] });
    return chosen === "retry" ? again(card, mode, notes) : leave();
  }
  if (!flow.can("again")) return undefined; // somebody went elsewhere meanwhile
  flow.take("again");
  return reserve(card, mode, notes.text);
}

/** The card of an earlier role-play. */
function anew(card, mode) {
  leave();
  return choose(card, mode);
}

/** Open a session for a card. */
async function reserve(card, mode, notes = "") {
  try {
    const session = await openInTurn(card.id, mode);
    if (session === null) return leave("failed");
    visit = new Visit(tabStore(), session, mode, notes);
  } catch (problem) {
    flow.take("failed");
    const retry = problem.code !== "card.unknown";
    const chosen = await showProblem(problem, { retry, others: [TO_CARDS] });
    if (chosen === "retry") {
      flow.take("agreed");
      return reserve(card, mode, notes);
    }
    flow.take("leave");
    return loadCards(); // the cards may have changed
  }
  flow.take("opened");
  visit.keep();
  return showPrepare();
}

/** Open a session, after waiting in line where the server is full; null when the person gave up. */
async function openInTurn(card_id, mode) {
  await place.given_back; // or one's own place would be in the way
  try {
    return await openSession(card_id, mode, agreedTo(mode));
  } catch (problem) {
    if (problem.code !== "server.full" || !problem.told.position) throw problem;
    return standInLine(problem, (ticket) => openSession(card_id, mode, agreedTo(mode), ticket));
  }
}

/** `over`: the time has been used, and a failure must neither start it anew nor start the role-play by itself. */
function showPrepare({ over = false } = {}) {
  const { session, mode, notes, countdown } = visit;
  place.hold(session);
  addresses.show(addressOf("now"));
  stage.show(
    prepareScreen({
      session,
      notes,
      starts_alone: mode === "exam" && !over,
      countdown: over ? { left_ms: countdown.left_ms } : countdown,
      on_start: () => startTalk(),
      on_leave: () => leave(),
    }),
  );
}

async function startTalk() {
  if (!flow.can("start")) return;
  flow.take("start");
  let roleplay = null;
  try {
    // The microphone first: connecting starts the session's clock.
    await desk.start();
    if (!desk.microphone.open) await desk.microphone.start();
    if (visit.resume === null) {
      await place.confirm();
      await renewIfOld();
    }
    place.release();
    roleplay = new Roleplay(visit.session, desk, { resume: visit.resume });
    await talk(roleplay);
  } catch (problem) {
    roleplay?.abandon();
    if (visit.resume !== null) await goingOnFailed(problem);
    else await startFailed(problem.code === "connection.lost" ? await whyRefused(visit.session) : problem);
  }
}

/** A role-play that is under way could not be continued: it is over, or what stands in the way can be mended. */
async function goingOnFailed(problem) {
  const status = await statusOf(visit.session);
  if (status === "ended") return close({ reason: "lost" });
  if (flow.can("returned")) flow.take("returned");
  showGoingOn();
  const lost = status === "gone" || problem.code === "session.expired";
  await showProblem(lost ? new Problem("session.over") : problem, { retry: false });
  return lost ? leave() : undefined;
}

async function startFailed(problem) {
  if (flow.can("failed")) flow.take("failed");
  if (problem.code === "session.expired") visit.expire();
  showPrepare({ over: visit.mode === "exam" });
  const chosen = await showProblem(problem, { others: [TO_CARDS] });
  if (chosen === "retry") return startTalk();
  return leave();
}

async function renewIfOld() {
  const age_s = (performance.now() - visit.opened_ms) / 1000;
  if (age_s < visit.session.expires_s - RENEW_MARGIN_S) return;
  await place.given_back;
  visit.renew(await openSession(visit.session.card.id, visit.mode, agreedTo(visit.mode)));
}

/** Run the role-play to its end. */
async function talk(roleplay) {
  const outcome = await runTalk({
    visit,
    roleplay,
    desk,
    preference,
    stage,
    on_started: () => {
      if (flow.can("started")) flow.take("started");
      after.begun(visit);
    },
    on_screen: (screen) => (talking = screen),
  });
  savePreference(preference);
  if (outcome.problem?.code === "session.taken") return showTaken();
  if (outcome.problem && flow.screen === "connecting") throw outcome.problem;
  return close(outcome, roleplay.captions.visible);
}

/** Another tab has the role-play now; it may be taken back. This one keeps nothing of it beyond what is shown. */
function showTaken() {
  flow.take("returned");
  visit.forget();
  visit.taken = true;
  showGoingOn();
}

async function close(outcome, lines = []) {
  flow.take("ended");
  place.release();
  visit.forget();
  stage.show(closingScreen());
  closeDesk();
  const record = known(await fetchAccount(visit.session));
  flow.take("closed");
  after.show(visit, { record, reason: outcome.problem ? "lost" : outcome.reason, lines });
}

/** Go to the cards; `first` is a step that must be taken before. The place that was kept is given back. */
function leave(first = null) {
  if (first) flow.take(first);
  const waiting = ["preparing", "returning"].includes(flow.screen);
  flow.take("leave");
  if (waiting && visit?.session.token) place.giveBack(visit.session);
  showChoose();
}

/** The role-play goes on in another tab: it must not end when this one is left. */
function leaveTaken() {
  visit = null;
  leave();
}

function closeDesk() {
  desk?.close();
  desk = null;
}

begin();
