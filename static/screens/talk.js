/** The third screen: the role-play itself. */

import { seconds } from "../core/cards.js";
import { Countdown, formatClock, Milestones } from "../core/clock.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { CaptionView } from "../ui/caption_view.js";
import { cardSheet } from "../ui/card.js";
import { ask } from "../ui/dialogs.js";
import { button, h, section, setText } from "../ui/dom.js";
import { Meter } from "../ui/meter.js";
import { NoticeBar } from "../ui/notice_bar.js";
import { Presence } from "../ui/presence.js";
import { TimingView } from "../ui/timing_view.js";
import { notesPanel } from "./prepare.js";

const words = strings.talk;
const TOLD_MS = [60000, 10000];

// States that call for something are told to screen readers; "You are speaking" would be spoken into the microphone,
// and that the patient speaks can be heard.
const TOLD_STATES = ["listening", "thinking"];

/** Return the screen of a Roleplay that is being started. */
export function talkScreen({ roleplay, session, mode, notes, desk, on_problem }) {
  const presence = new Presence();
  const state_name = h("p", { className: "state-name" });
  const state_hint = h("p", { className: "state-hint" });
  const latency = h("p", { className: "hint latency" });
  const meter = new Meter(words.level_you);
  const notice = new NoticeBar();
  const captions = captionPanel({ roleplay, mode });
  // In an exam nothing is shown that the day itself does not have.
  const timing = mode === "exam" ? null : new TimingView();
  const clock = clockPanel(session, () => notice.show("time_over", words.time_over));
  const microphone = desk.microphone;

  const showState = () => {
    const { state } = roleplay.conversation;
    const { name, hint } = words.states[state];
    const nothing_said = roleplay.captions.visible.length === 0;
    const opening = nothing_said && (state === "listening" ? words.begin_you : state === "thinking" && roleplay.conversation.turns === 0 ? words.begin_patient : "");
    element.dataset.state = state;
    presence.state = state;
    setText(state_name, name);
    setText(state_hint, opening || hint);
    if (TOLD_STATES.includes(state)) announce(`${name}. ${opening || hint}`);
  };

  const mute = button(words.mute, () => setMuted(!microphone.muted), { kind: "mute", aria: { pressed: "false" } });
  const setMuted = (muted) => {
    microphone.muted = muted;
    mute.setAttribute("aria-pressed", String(muted));
    element.dataset.muted = String(muted);
    if (muted) notice.show("muted", words.muted);
    else notice.hide("muted");
  };

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
    sound_paused: { label: words.notices.sound_resume, run: () => desk.resume().then(() => notice.hide("sound_paused")) },
  };

  const details = h(
    "details",
    { className: "talk-card", open: true },
    h("summary", {}, words.card_summary),
    cardSheet(session.card),
    notesPanel(notes),
  );
  // On a phone the card would push the conversation off the screen: it begins closed there.
  details.open = window.matchMedia("(min-width: 60rem)").matches;

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
          h("div", { className: "stage-foot" }, meter.element, latency),
        ),
        notice.element,
        captions.element,
        h("div", { className: "controls" }, mute, captions.toggle, end),
        timing?.element,
      ),
    ),
  );

  roleplay.onstarted = (session_s) => clock.start(session_s);
  roleplay.onstate = showState;
  roleplay.oncaptions = () => captions.show();
  roleplay.onlatency = (ms) => setText(latency, words.latency(seconds(ms)));
  roleplay.ontimeline = (event) => timing?.show(event);
  roleplay.onnotice = (code, message) => {
    const text = words.notices[code] ?? (message || words.notices.unknown);
    notice.show(code, text, actions[code]);
  };
  setMuted(false);
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
      cancelAnimationFrame(frame);
      clearInterval(timer);
      notice.close();
    },
  };
}

/** `on_over` is called once, when nothing is left: the server then lets the conversation come to its end. */
function clockPanel(session, on_over) {
  const clock = h("p", { className: "clock clock-small", attrs: { role: "timer" }, aria: { label: words.time_label } });
  let countdown = null;
  let milestones = null;
  let over = false;
  setText(clock, formatClock(session.session_s * 1000));
  const toggle = button(
    words.hide_time,
    () => {
      clock.hidden = !clock.hidden;
      setText(toggle, clock.hidden ? words.show_time : words.hide_time);
    },
    { kind: "quiet" },
  );
  return {
    element: h("div", { className: "talk-clock" }, clock, toggle),
    start: (session_s) => {
      countdown = new Countdown(session_s * 1000, () => performance.now());
      milestones = new Milestones(TOLD_MS, session_s * 1000);
    },
    tick: () => {
      if (!countdown) return;
      const left_ms = countdown.left_ms;
      setText(clock, formatClock(left_ms));
      const mark = milestones.reached(left_ms);
      if (mark !== null && left_ms > 0) announce(words.milestone(mark / 1000));
      if (left_ms > 0 || over) return;
      over = true;
      on_over();
    },
  };
}

function captionPanel({ roleplay, mode }) {
  if (mode === "exam") {
    return { element: h("p", { className: "hint captions-exam" }, words.captions_exam), toggle: null, show: () => {} };
  }
  const view = new CaptionView();
  const off = h("p", { className: "hint", hidden: true }, words.captions_off);
  const toggle = button(
    words.captions,
    () => {
      view.element.hidden = !view.element.hidden;
      off.hidden = !view.element.hidden;
      toggle.setAttribute("aria-pressed", String(!view.element.hidden));
    },
    { kind: "control", aria: { pressed: "true" } },
  );
  const element = section(words.captions, { className: "captions-panel" }, view.element, off);
  return { element, toggle, show: () => view.show(roleplay.captions.visible) };
}
