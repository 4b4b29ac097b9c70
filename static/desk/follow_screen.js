/** One role-play that goes on: what is said, the card, the figures, one's notes, and listening in. */

import { formatClock } from "../core/clock.js";
import { announce } from "../ui/announce.js";
import { button, h, setText } from "../ui/dom.js";
import { CardView } from "./card_view.js";
import { DeskLink } from "./desk_link.js";
import { EarPanel } from "./ear_panel.js";
import { Figures } from "./figures_view.js";
import { Followed, runningMeasures } from "./followed.js";
import { Keys } from "./keys.js";
import { NotesView } from "./notes_view.js";
import { SaidView } from "./said_view.js";
import { words as all } from "./strings.js";

const words = all.follow;
const TICK_MS = 500;

/** Return the screen of a role-play; `book` has its notes, `on_back()` leaves it, `on_review()` opens its record once it is over. */
export function followScreen({ api, id, book, on_back, on_review }) {
  let state = new Followed();
  let card = null;
  let ear = null;
  let ahead_ms = null; // what the page's clock is ahead of media time
  let left = null; // {ms, since}
  let done = false; // nothing more comes
  const link = new DeskLink(() => api.follow(id));
  const said = new SaidView();
  const heading = h("h1", { tabIndex: -1 }, words.connecting);
  const who = h("p", {});
  const status = h("p", { className: "follow-status" }, words.connecting);
  const clock = h("p", { className: "clock clock-small follow-clock" });
  const speaking = h("p", { className: "follow-speaking" });
  const marks = h("ul", { className: "mark-list", aria: { label: all.list.problems(2) }, hidden: true });
  const review = button(words.review, on_review, { kind: "primary", hidden: true });
  const figures = new Figures();
  const card_place = h("div", {});
  const ear_place = h("div", {});
  const now_ms = () => ear?.at_ms ?? Math.max(state.media_ms, ahead_ms === null ? 0 : performance.now() - ahead_ms);
  const keys = new Keys({
    b: () => notes.bookmark(),
    n: () => notes.write(),
    i: () => notes.incident(),
    l: () => ear?.toggleListening(),
  });
  const notes = new NotesView({ book, keys, when: "live", at_ms: () => Math.round(state.over ? state.media_ms : now_ms()) });

  const say = (text) => {
    setText(status, text);
    announce(text);
  };
  const show = () => {
    if (!state.session) return;
    const { session } = state;
    setText(heading, session.card.title);
    setText(who, [session.candidate ?? all.list.unknown, all.list.modes[session.mode], session.card.profession].join(", "));
    if (!card) {
      card = new CardView(session.card);
      card_place.replaceChildren(card.element);
      ear = new EarPanel(link, { practice: session.mode === "practice" });
      ear_place.replaceChildren(ear.element);
    }
    card.show(state.cues);
    said.show(state.lines, { past: !state.caught_up });
    // Whoever is to mark an exam forms their own judgement first.
    figures.element.hidden = session.mode === "exam";
    figures.show(runningMeasures(state), state.measures);
    const who_speaks = done ? null : state.speaking;
    setText(speaking, who_speaks ? all.list.speaking[who_speaks] : state.began && !state.over && !done ? all.list.silent : "");
    speaking.dataset.who = who_speaks ?? "";
    marks.hidden = state.marks.length === 0;
    marks.replaceChildren(...state.marks.map(markRow));
    if (!state.over && !done) setText(status, state.began ? words.live : words.waiting);
    review.hidden = !state.over;
  };
  const tick = () => {
    if (left === null) return;
    const gone_ms = state.paused ? 0 : performance.now() - left.since;
    setText(clock, state.over || done ? "" : formatClock(left.ms - gone_ms));
  };

  link.onopen = () => {
    state = new Followed();
  };
  link.onmessage = (message) => {
    if (message.type === "interlocutor.desk.sound") ear?.told(message);
    if (message.type === "interlocutor.desk.snapshot" && message.session.left_ms !== null) {
      left = { ms: message.session.left_ms, since: performance.now() };
    }
    if (!state.receive(message)) return;
    if (message.type === "interlocutor.desk.snapshot") ear?.reconnected();
    if (message.type === "interlocutor.desk.events" && state.caught_up) ahead_ms = performance.now() - state.media_ms;
    const pause = state.pauseIn(message);
    if (pause) left = { ms: pause.left_ms, since: performance.now() };
    show();
    tick();
  };
  link.onsound = (buffer) => ear?.take(buffer);
  link.onlost = () => say(words.again);
  link.onend = (code, problem) => {
    done = true;
    ear?.close();
    if (code === 4403 || problem?.status === 403 || problem?.status === 401) say(words.withdrawn);
    else if (problem?.detail && problem.status === 409) {
      state.receive({ type: "interlocutor.desk.over" });
      // What somebody is writing would be lost with the screen.
      if (!notes.writing) return on_review();
      say(words.over);
      review.hidden = false;
    } else if (problem) say(words.failed);
    else say(words.over);
    show();
    tick();
  };

  const load = () => api.notes(id).then((rows) => book.take(rows), () => {});
  const timer = setInterval(tick, TICK_MS);
  load();
  link.open();

  const element = h(
    "div",
    { className: "screen screen-follow" },
    h("div", { className: "lead" }, button(words.back, on_back, { kind: "quiet" }), heading, who),
    h("div", { className: "follow-bar panel" }, h("div", { className: "follow-state" }, clock, speaking, status, review), ear_place),
    marks,
    h(
      "div",
      { className: "follow-parts" },
      h("div", { className: "follow-main" }, said.element, notes.element),
      h("div", { className: "follow-side" }, card_place, figures.element),
    ),
  );
  return {
    element,
    title: all.title,
    close: () => {
      clearInterval(timer);
      keys.close();
      ear?.close();
      link.close();
    },
  };
}

function markRow({ kind, what, text }) {
  const name = kind === "sound" ? (all.list.sound[what] ?? what) : kind === "distress" ? all.list.distress : what;
  return h("li", { className: `mark mark-${kind}` }, h("strong", {}, name), text ? `: ${text}` : "");
}
