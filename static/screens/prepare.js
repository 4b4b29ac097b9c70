/** The third screen: the card, three minutes, and notes. */

import { formatClock, Milestones } from "../core/clock.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { cardSheet } from "../ui/card.js";
import { button, freshId, h, section, setText } from "../ui/dom.js";

const words = strings.prepare;
const TOLD_MS = [60000, 10000];

/**
 * Return the screen of `session`. `notes` is {text}, shared with the role-play; `on_start()` begins the role-play, and
 * is called by the clock where it `starts_alone` (an exam); `on_leave()` goes back, by a
 * button that says `leave`.
 */
export function prepareScreen({ session, notes, countdown, starts_alone, leave = words.leave, on_start, on_leave }) {
  const clock = h("p", { className: "clock", attrs: { role: "timer" }, aria: { label: words.time_label } });
  const caption = h("p", { className: "clock-caption" }, words.time_left);
  const start = starts_alone ? null : button(words.start_early, on_start, { kind: "primary" });
  const milestones = new Milestones(TOLD_MS, countdown.left_ms);
  let over = false;

  const tick = () => {
    const left_ms = countdown.left_ms;
    setText(clock, formatClock(left_ms));
    const mark = milestones.reached(left_ms);
    if (mark !== null && left_ms > 0) announce(words.milestone(mark / 1000));
    if (left_ms > 0 || over) return;
    over = true;
    if (starts_alone) on_start();
    else {
      setText(caption, words.time_over);
      setText(start, words.start);
      announce(words.time_over);
    }
  };

  const panel = h(
    "div",
    { className: "panel panel-clock" },
    h("div", {}, clock, caption),
    starts_alone ? h("p", { className: "hint" }, words.starts_alone) : null,
    start,
  );
  const element = h(
    "div",
    { className: "screen screen-prepare" },
    h(
      "div",
      { className: "lead" },
      h("h1", { tabIndex: -1 }, words.title),
      h("p", {}, session.card.patient_speaks_first ? words.who_patient : words.who_you),
    ),
    h(
      "div",
      { className: "columns" },
      panel,
      cardSheet(session.card),
      h("div", { className: "side" }, notesPanel(notes), button(leave, on_leave, { kind: "quiet" })),
    ),
  );
  tick();
  const timer = setInterval(tick, 200);
  return {
    element,
    title: words.title,
    close: () => clearInterval(timer),
  };
}

/** Return the notes, with their heading. */
function notesPanel(notes) {
  return section(words.notes, { className: "panel panel-notes" }, notesField(notes));
}

/** Return the notes: a field that both screens share through `notes.text`. */
export function notesField(notes) {
  const hint_id = freshId("hint");
  const field = h("textarea", {
    value: notes.text,
    rows: 5,
    autocomplete: "off",
    aria: { label: words.notes, describedby: hint_id },
    on: { input: () => (notes.text = field.value) },
  });
  return h("div", { className: "notes-field" }, field, h("p", { id: hint_id, className: "hint" }, words.notes_hint));
}
