/** The last screen: what a coach says of it, what was said and how it sounded, what was learnt, and what to do next. */

import { talkPercent } from "../core/cards.js";
import { cuesByState } from "../core/coach.js";
import { Corrections, localStorageOf } from "../core/corrections.js";
import { fetchAssessment } from "../net/record_api.js";
import { strings } from "../strings.js";
import { button, h, section } from "../ui/dom.js";
import { placeButton } from "../ui/place_button.js";
import { TranscriptView } from "../ui/transcript_view.js";
import { coachingPanels, workingPanel } from "./coaching.js";
import { forDevelopers } from "./for_developers.js";
import { keepingPanel } from "./keeping.js";
import { recordingPanel } from "./recording.js";

const words = strings.debrief;

/**
 * Return the screen. `record` is the server's account, or null when it could not be fetched: then `lines` (the
 * captions) are shown instead, and `on_retry` fetches again. `on_deleted` shows it anew. `kept` says how long records
 * are kept. In an exam no figure is shown: those are for the examiners.
 */
export function debriefScreen({ record, lines, reason, session, mode, kept, notes, on_again, on_leave, on_retry, on_deleted }) {
  const deleted = record?.recording.state === "deleted";
  const there = record !== null && !deleted;
  const corrections = new Corrections(session.id, localStorageOf(window));
  if (deleted) corrections.forget();
  const transcript = new TranscriptView(record ? record.turns : spoken(lines), { corrections });
  const keeping = there ? keepingPanel({ session, mode, kept, on_deleted }) : null;
  const recording = keeping
    ? recordingPanel({ session, recording: record.recording, transcript, on_ready: (blob) => keeping.saves(blob) })
    : null;
  const practised = there && mode === "practice";
  const coaching = practised ? coachingOf({ record, session, recording }) : null;
  const main = [];
  if (!record) main.push(failed(on_retry));
  if (deleted) main.push(section(words.deleted_title, { className: "panel" }, h("p", {}, words.deleted)));
  else main.push(coaching?.main, recording?.element, said(transcript, record ? record.turns.length : lines.length));
  const side = there ? [coaching?.side ?? cues({ missed: [] }), practised && subjects(record.subjects), practised && talk(record.talk)] : [];
  if (notes.text.trim()) side.push(section(words.notes, { className: "panel" }, h("p", { className: "notes-kept" }, notes.text)));
  if (there) side.push(keeping.element, practised && forDevelopers({ session, latency: record.latency }));
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
      coaching?.close();
    },
  };
}

/** Return {main, side, close}: places that fill once the server has read the role-play. */
function coachingOf({ record, session, recording }) {
  const main = h("div", { className: "coaching" }, workingPanel());
  const told = (assessment) => cues(assessment ? cuesByState(assessment.measures) : fromRecord(record.cues), recording.play);
  const side = h("div", {}, told(null));
  let close = () => {};
  let closed = false;
  const load = async () => {
    main.replaceChildren(workingPanel());
    let assessment = null;
    try {
      assessment = await fetchAssessment(session);
    } catch {
      // It says so, and can be asked again.
    }
    if (closed) return;
    close();
    const made = coachingPanels({ assessment, session, on_play: recording.play, on_retry: () => load() });
    close = made.close;
    main.replaceChildren(...made.panels);
    side.replaceChildren(told(assessment));
  };
  load();
  return {
    main,
    side,
    close: () => {
      closed = true;
      close();
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

// A cue is played from where it was told, for so long.
const CUE_MS = 8000;

const reasonText = (reason) => words.reasons[reason] ?? words.reasons.other;

const spoken = (lines) => lines.filter((line) => line.stable).map(({ role, stable, unclear, interrupted, typed }) => ({ role, text: stable, unclear, interrupted, typed }));

function said(transcript, count) {
  const content = count > 0 ? transcript.element : h("p", {}, words.nothing_said);
  const hint = transcript.has_unclear ? h("p", { className: "hint" }, strings.correction.hint) : null;
  return section(words.said, { className: "panel panel-said" }, hint, content);
}

const fromRecord = (all) => {
  const of = (wanted) => all.filter(({ told }) => told === wanted).map(({ topic }) => ({ topic, at_ms: null }));
  return { found: of(true), partly: [], missed: of(false) };
};

/** Cues by their state; in an exam there are none to show. */
function cues({ found = [], partly = [], missed = [] }, on_play = () => {}) {
  const row = ({ topic, at_ms }) => h("li", {}, h("span", {}, topic), at_ms === null ? null : placeButton({ from_ms: at_ms, to_ms: at_ms + CUE_MS }, on_play, topic));
  const topics = (list, kind) => h("ul", { className: `topics topics-${kind}` }, ...list.map(row));
  const content = [];
  if (found.length + partly.length + missed.length === 0) content.push(h("p", {}, words.cues_exam));
  else {
    content.push(h("h3", {}, words.told), found.length > 0 ? topics(found, "told") : h("p", {}, words.none_told));
    if (partly.length > 0) content.push(h("h3", {}, words.partly), topics(partly, "partly"), h("p", { className: "hint" }, words.partly_hint));
    if (missed.length > 0) content.push(h("h3", {}, words.missed), topics(missed, "missed"), h("p", { className: "hint" }, words.cues_lead));
    else if (partly.length === 0) content.push(h("p", {}, words.all_told));
  }
  return section(words.cues, { className: "panel panel-cues" }, ...content);
}

function subjects(all) {
  if (all.length === 0) return null;
  const items = all.map(({ subject, turns }) => h("li", {}, words.subject_turns(words.subject_names[subject], turns)));
  return section(words.subjects, { className: "panel" }, h("ul", { className: "topics topics-told" }, ...items));
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

function failed(on_retry) {
  return section(
    words.failed_title,
    { className: "panel panel-failed" },
    h("p", {}, words.failed),
    button(words.retry, on_retry, { kind: "secondary" }),
  );
}
