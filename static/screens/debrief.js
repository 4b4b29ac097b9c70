/** The last screen: what was said and how it sounded, what was learnt, and what to do next. */

import { seconds, talkPercent } from "../core/cards.js";
import { strings } from "../strings.js";
import { button, h, section } from "../ui/dom.js";
import { TranscriptView } from "../ui/transcript_view.js";
import { keepingPanel } from "./keeping.js";
import { recordingPanel } from "./recording.js";

const words = strings.debrief;

/**
 * Return the screen. `record` is the server's account, or null when it could not be fetched: then `lines` (the
 * captions) are shown instead, and `on_retry` fetches again. `kept` is {practice_days, exam_days}. `on_deleted` shows it anew.
 */
export function debriefScreen({ record, lines, reason, session, mode, kept, notes, on_again, on_leave, on_retry, on_deleted }) {
  const deleted = record?.recording.state === "deleted";
  const transcript = new TranscriptView(record ? record.turns : spoken(lines));
  const keeping = record && !deleted ? keepingPanel({ session, mode, kept, on_deleted }) : null;
  const recording = keeping
    ? recordingPanel({ session, recording: record.recording, transcript, on_ready: (blob) => keeping.saves(blob) })
    : null;
  const main = [];
  if (!record) main.push(failed(on_retry));
  if (deleted) main.push(section(words.deleted_title, { className: "panel" }, h("p", {}, words.deleted)));
  else main.push(recording?.element, said(transcript, record ? record.turns.length : lines.length));
  const side = record && !deleted ? [cues(record.cues), subjects(record.cues, record.subjects), talk(record.talk), latency(record.latency), marks(), keeping.element] : [];
  if (notes.text.trim()) side.push(section(words.notes, { className: "panel" }, h("p", { className: "notes-kept" }, notes.text)));
  const element = h(
    "div",
    { className: "screen screen-debrief" },
    h(
      "div",
      { className: "lead" },
      h("h1", { tabIndex: -1 }, words.title),
      h("p", {}, h("strong", {}, session.card.title), h("br"), reasonText(reason)),
      h(
        "div",
        { className: "row" },
        button(words.again, on_again, { kind: "primary" }),
        button(words.another, on_leave, { kind: "secondary" }),
      ),
    ),
    h("div", { className: "columns columns-debrief" }, h("div", {}, ...main.filter(Boolean)), h("div", { className: "side" }, ...side.filter(Boolean))),
  );
  return {
    element,
    title: words.title,
    close: () => {
      recording?.close();
      keeping?.close();
    },
  };
}

/** Return a screen to look at while the account is fetched. */
export function closingScreen() {
  const element = h(
    "div",
    { className: "screen screen-closing" },
    h("h1", { tabIndex: -1 }, words.title),
    h("p", { className: "hint", attrs: { role: "status" } }, words.loading),
  );
  return { element, title: words.title };
}

const reasonText = (reason) => words.reasons[reason] ?? words.reasons.other;

const spoken = (lines) => lines.filter((line) => line.stable).map(({ role, stable, unclear, interrupted, typed }) => ({ role, text: stable, unclear, interrupted, typed }));

function said(transcript, count) {
  const content = count > 0 ? transcript.element : h("p", {}, words.nothing_said);
  const hint = transcript.has_unclear ? h("p", { className: "hint" }, words.unclear_hint) : null;
  return section(words.said, { className: "panel panel-said" }, content, hint);
}

/** An exam's list is empty: cards always have something to tell, but then it is not for the candidate. */
function cues(all) {
  const told = all.filter((cue) => cue.told);
  const missed = all.filter((cue) => !cue.told);
  const topics = (list, kind) => h("ul", { className: `topics topics-${kind}` }, ...list.map((cue) => h("li", {}, cue.topic)));
  const content = [];
  if (all.length === 0) content.push(h("p", {}, words.cues_exam));
  else {
    content.push(h("h3", {}, words.told), told.length > 0 ? topics(told, "told") : h("p", {}, words.none_told));
    if (missed.length === 0) content.push(h("p", {}, words.all_told));
    else content.push(h("h3", {}, words.missed), topics(missed, "missed"), h("p", { className: "hint" }, words.cues_lead));
  }
  return section(words.cues, { className: "panel panel-cues" }, ...content);
}

/** In an exam the cues and this are for the examiner, and both lists are empty. */
function subjects(cues, all) {
  if (cues.length === 0) return null;
  const items = all.map(({ subject, turns }) => h("li", {}, words.subject_turns(words.subject_names[subject], turns)));
  const content = items.length > 0 ? h("ul", { className: "topics topics-told" }, ...items) : h("p", {}, words.subjects_none);
  return section(words.subjects, { className: "panel" }, content);
}

function talk(figures) {
  const percent = talkPercent(figures);
  if (percent === null) return section(words.talk, { className: "panel" }, h("p", {}, words.talk_none));
  const bar = h("span", { className: "share-you" });
  bar.style.width = `${percent}%`;
  return section(
    words.talk,
    { className: "panel" },
    h("div", { className: "share", aria: { hidden: "true" } }, bar),
    h("p", { className: "share-text" }, h("span", {}, words.talk_you(percent)), h("span", {}, words.talk_patient(100 - percent))),
  );
}

function latency({ p50, p95 }) {
  const known = typeof p50 === "number" && typeof p95 === "number";
  const text = known ? words.latency_text(seconds(p50), seconds(p95)) : words.latency_none;
  return section(words.latency, { className: "panel" }, h("p", {}, text));
}

/** Where an examiner's marks will be. */
function marks() {
  return section(words.marks, { className: "panel panel-marks" }, h("p", { className: "hint" }, words.marks_none));
}

function failed(on_retry) {
  return section(
    words.failed_title,
    { className: "panel panel-failed" },
    h("p", {}, words.failed),
    button(words.retry, on_retry, { kind: "secondary" }),
  );
}
