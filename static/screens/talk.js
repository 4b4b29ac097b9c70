/** The fourth screen: the role-play itself. */

import { seconds } from "../core/cards.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { cardSheet } from "../ui/card.js";
import { ask } from "../ui/dialogs.js";
import { button, h, setText } from "../ui/dom.js";
import { Meter } from "../ui/meter.js";
import { NoticeBar } from "../ui/notice_bar.js";
import { Presence } from "../ui/presence.js";
import { TimingView } from "../ui/timing_view.js";
import { notesPanel } from "./prepare.js";
import { askForReport, pauseButton, repeatButton, talkingControls } from "./talk_controls.js";
import { captionPanel, clockPanel, qualityLine } from "./talk_parts.js";

const words = strings.talk;

// States that call for something are told to screen readers; "You are speaking" would be spoken into the microphone,
// and that the patient speaks can be heard.
const TOLD_STATES = ["listening", "thinking", "paused"];

/** Return the screen of a Roleplay that is being started, or gone on with if there is a `resume`; `left_ms` is what is left of its time. */
export function talkScreen({ roleplay, session, mode, notes, resume, left_ms, desk, preference, on_problem }) {
  const presence = new Presence();
  const state_name = h("p", { className: "state-name" });
  const state_hint = h("p", { className: "state-hint" });
  const latency = h("p", { className: "hint latency" });
  const meter = new Meter(words.level_you);
  const notice = new NoticeBar();
  const observed = h("p", { className: "hint observed", attrs: { role: "status" }, hidden: true });
  const captions = captionPanel({ roleplay, mode });
  // In an exam nothing is shown that the day itself does not have.
  const timing = mode === "exam" ? null : new TimingView();
  const clock = clockPanel(left_ms, () => notice.show("time_over", words.time_over));
  const microphone = desk.microphone;

  let paused = false;

  const showState = () => {
    const state = paused && roleplay.conversation.state !== "ended" ? "paused" : roleplay.conversation.state;
    const { name, hint } = words.states[state];
    const nothing_said = roleplay.captions.visible.length === 0;
    const opening = nothing_said && (state === "listening" ? words.begin_you : state === "thinking" && roleplay.conversation.turns === 0 ? words.begin_patient : "");
    element.dataset.state = state;
    presence.state = state;
    setText(state_name, name);
    setText(state_hint, opening || hint);
    controls.on_state();
    repeat?.on_state();
    if (TOLD_STATES.includes(state)) announce(`${name}. ${opening || hint}`);
  };

  const controls = talkingControls({
    roleplay,
    microphone,
    preference,
    on_muted: (muted) => {
      element.dataset.muted = String(muted);
      if (muted) notice.show("muted", words.muted);
      else notice.hide("muted");
    },
    on_mode: (pushing) => {
      element.dataset.pushing = String(pushing);
      if (pushing) notice.show("pushing", words.push.hint);
      else notice.hide("pushing");
    },
  });
  // On the day nobody has buttons for it: in an exam one asks.
  const repeat = mode === "exam" ? null : repeatButton(roleplay);
  const pause = mode === "exam" ? null : pauseButton(roleplay);
  const report = button(words.report.open, () => askForReport(session, (text) => notice.show("report", text)), { kind: "quiet" });
  const quality = qualityLine();

  const end = button(words.end, () => confirmEnd(), { kind: "danger" });
  const confirmEnd = async () => {
    const chosen = await ask({
      title: words.end_question,
      body: words.end_detail,
      choices: [
        { value: "end", label: words.end_yes, kind: "danger" },
        { value: "stay", label: words.end_no, kind: "plain" },
      ],
      on_escape: "stay",
    });
    if (chosen === "end") roleplay.end();
  };

  const reopen = async () => {
    try {
      await microphone.start();
      notice.hide("microphone_lost");
    } catch (problem) {
      on_problem(problem, reopen);
    }
  };
  const actions = {
    microphone_lost: { label: words.notices.microphone_again, run: reopen },
    "safety.distress": { label: words.notices.safety_done, run: () => notice.hide("safety.distress") },
    sound_paused: { label: words.notices.sound_resume, run: () => desk.resume().then(() => notice.hide("sound_paused")) },
  };

  const details = h(
    "details",
    { className: "talk-card" },
    h("summary", {}, words.card_summary),
    cardSheet(session.card),
    notesPanel(notes),
  );
  // On a phone the card would push the conversation off the screen: it begins closed there, and opens on a wider one.
  const wide = window.matchMedia("(min-width: 60rem)");
  const showCard = () => (details.open = wide.matches);
  wide.addEventListener("change", showCard);
  showCard();

  const element = h(
    "div",
    { className: "screen screen-talk", data: { state: "connecting", muted: "false" } },
    h("div", { className: "lead lead-talk" }, h("h1", { tabIndex: -1 }, words.title), clock.element),
    h(
      "div",
      { className: "columns" },
      details,
      h(
        "div",
        { className: "conversation" },
        h(
          "div",
          { className: "stage" },
          presence.element,
          h("div", { className: "stage-text" }, state_name, state_hint),
          h("div", { className: "stage-foot" }, meter.element, observed, h("div", { className: "discreet" }, quality.element, latency)),
        ),
        notice.element,
        captions.element,
        h("div", { className: "controls" }, controls.hold, controls.mute, ...[repeat?.element, pause?.element].filter(Boolean), end),
        h("div", { className: "row row-more" }, controls.toggle, captions.toggle, report),
        timing?.element,
      ),
    ),
  );

  roleplay.onstarted = (left_ms) => {
    clock.start(left_ms);
    controls.started({ again: resume !== null });
  };
  roleplay.onstate = showState;
  roleplay.oncaptions = (past = false) => {
    captions.show(past);
    controls.on_captions();
  };
  roleplay.onpaused = (on, left_ms) => {
    paused = on;
    clock.pause(on, left_ms);
    controls.on_paused(on);
    pause?.on_paused(on);
    showState();
  };
  roleplay.onobserved = ({ following, listening }) => {
    setText(observed, listening > 0 ? words.observed.listens : following > 0 ? words.observed.follows : "");
    observed.hidden = following === 0;
  };
  roleplay.onlatency = (ms) => setText(latency, words.latency(seconds(ms)));
  roleplay.ontimeline = (event) => timing?.show(event);
  roleplay.onnotice = (code, message) => {
    if (code === "reconnected") notice.hide("reconnecting");
    const text = words.notices[code] ?? (message || words.notices.unknown);
    notice.show(code, text, actions[code]);
  };
  controls.reset();
  showState();

  let frame = 0;
  const draw = () => {
    presence.show(roleplay.level_dbfs);
    meter.show(roleplay.microphone_dbfs);
    frame = requestAnimationFrame(draw);
  };
  draw();
  const timer = setInterval(() => {
    roleplay.tick();
    clock.tick();
  }, 250);
  return {
    element,
    title: words.title,
    close: () => {
      wide.removeEventListener("change", showCard);
      cancelAnimationFrame(frame);
      clearInterval(timer);
      notice.close();
      controls.close();
      quality.close();
    },
  };
}
