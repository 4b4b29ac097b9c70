/** The fourth screen: the role-play itself, in one window. */

import { seconds } from "../core/cards.js";
import { KEPT_MS } from "../core/sound_memory.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { agrees } from "../ui/dialogs.js";
import { button, h, setText } from "../ui/dom.js";
import { Meter } from "../ui/meter.js";
import { moreMenu } from "../ui/more_menu.js";
import { NoticeBar } from "../ui/notice_bar.js";
import { Presence } from "../ui/presence.js";
import { TimingView } from "../ui/timing_view.js";
import { talkCard } from "./talk_card.js";
import { askForReport, pauseButton, repeatButton, talkingControls } from "./talk_controls.js";
import { captionPanel, clockPanel, qualityLine } from "./talk_parts.js";

const words = strings.talk;

// States that call for something are told to screen readers; "You are speaking" would be spoken into the microphone,
// and that the patient speaks can be heard.
const TOLD_STATES = ["listening", "thinking", "paused", "away"];

/** What is asked before a role-play ends. */
export const ENDING = { question: words.end_question, detail: words.end_detail, yes: words.end_yes, no: words.end_no };

/**
 * Return the screen of a Roleplay that is being started, or continued if there is a `resume`; `left_ms` is what is left of
 * its time, `ending` is asked before it ends.
 */
export function talkScreen({ roleplay, session, mode, notes, resume, left_ms, desk, preference, ending, on_problem }) {
  const presence = new Presence();
  const state_name = h("p", { className: "state-name" });
  const state_hint = h("p", { className: "state-hint" });
  const latency = h("p", { className: "hint latency" });
  const meter = new Meter(words.level_you);
  const notice = new NoticeBar();
  const observed = h("p", { className: "hint observed", attrs: { role: "status" }, hidden: true });
  const captions = captionPanel({ roleplay, mode, preference });
  // In an exam nothing is shown that the day itself does not have.
  const timing = mode === "exam" ? null : new TimingView();
  const clock = clockPanel(left_ms, () => notice.show("time_over", words.time_over));
  const card = talkCard(session.card, notes);
  const microphone = desk.microphone;

  let paused = false;
  let away = null; // {until_ms} while the connection is lost
  let told = "";

  const stateNow = () => {
    const { state } = roleplay.conversation;
    if (state === "ended") return state;
    if (away) return "away";
    return paused ? "paused" : state;
  };
  const hintOf = (state) => {
    if (state === "away") return words.away_hint(KEPT_MS / 1000, Math.max(0, Math.ceil((away.until_ms - performance.now()) / 1000)));
    if (roleplay.captions.visible.length > 0) return words.states[state].hint;
    if (state === "listening") return words.begin_you;
    return state === "thinking" && roleplay.conversation.turns === 0 ? words.begin_patient : words.states[state].hint;
  };
  const showState = () => {
    const state = stateNow();
    const { name } = words.states[state];
    element.dataset.state = state;
    presence.state = state;
    setText(state_name, name);
    setText(state_hint, hintOf(state));
    controls.on_state();
    repeat?.on_state();
    if (state === told) return;
    told = state;
    if (TOLD_STATES.includes(state)) announce(`${name}. ${state_hint.textContent}`);
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
      if (pushing) notice.show("push", words.push.hint);
      else notice.hide("push");
    },
  });
  // An exam's clock stands still for nobody, and its patient says everything once.
  const repeat = mode === "exam" ? null : repeatButton(roleplay);
  const pause = mode === "exam" ? null : pauseButton(roleplay);
  const report = button(words.report.open, () => askForReport(session, (text) => notice.show("report", text)), { kind: "control" });
  const quality = qualityLine();

  const end = button(words.end, () => confirmEnd(), { kind: "end" });
  const confirmEnd = async () => {
    if (await agrees(ending)) roleplay.end();
  };

  const reopen = async () => {
    try {
      await microphone.start();
      notice.hide("microphone_lost");
      notice.hide("microphone_silent");
    } catch (problem) {
      on_problem(problem, reopen);
    }
  };
  const actions = {
    microphone_lost: { label: words.notices.microphone_again, run: reopen },
    microphone_silent: { label: words.notices.microphone_again, run: reopen },
    "safety.distress": { label: words.notices.safety_done, run: () => notice.hide("safety.distress") },
    sound_paused: { label: words.notices.sound_resume, run: () => desk.resume().then(() => notice.hide("sound_paused")) },
  };

  const more = moreMenu(
    words.more,
    h("div", { className: "more-buttons" }, controls.toggle, captions.toggle, captions.aloud, clock.toggle, report),
    mode === "exam" ? null : latency,
    timing?.element,
  );
  const element = h(
    "div",
    { className: "screen screen-talk", data: { state: "connecting", muted: "false" } },
    h("h1", { className: "unseen", tabIndex: -1 }, words.title),
    h(
      "div",
      { className: "talk-bar" },
      presence.element,
      h("div", { className: "stage-text" }, state_name, state_hint, observed, quality.element),
      clock.element,
      meter.element,
    ),
    h("div", { className: "talk-body" }, card.element, h("div", { className: "conversation" }, captions.element, notice.element)),
    h(
      "div",
      { className: "controls" },
      controls.hold,
      controls.mute,
      ...[repeat?.element, pause?.element].filter(Boolean),
      card.toggle,
      more.element,
      end,
    ),
  );

  roleplay.onstarted = (left_ms) => {
    clock.start(left_ms);
    controls.started({ again: resume !== null });
  };
  roleplay.onstate = showState;
  roleplay.onaway = (until_ms) => {
    away = until_ms === null ? null : { until_ms };
    showState();
  };
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
    const text = words.notices[code] ?? (message || words.notices.unknown);
    notice.show(code, text, actions[code]);
  };
  roleplay.onnoticeover = (code) => notice.hide(code);
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
    if (away) showState();
  }, 250);
  return {
    element,
    title: words.title,
    /** The person wants to leave: ask first. */
    ask_to_leave: confirmEnd,
    close: () => {
      cancelAnimationFrame(frame);
      clearInterval(timer);
      more.close();
      notice.close();
      controls.close();
      quality.close();
    },
  };
}
