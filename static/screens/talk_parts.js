/** Parts of the role-play's screen: the clock, the captions, the state of the connection. */

import { Countdown, formatClock, Milestones } from "../core/clock.js";
import { NetworkWatch } from "../core/network.js";
import { roundTrip } from "../net/probe.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { CaptionView } from "../ui/caption_view.js";
import { button, h, setText } from "../ui/dom.js";
import { savePreference } from "../ui/preference.js";

const words = strings.talk;
const TOLD_MS = [60000, 10000];
// This is often enough to notice, and seldom enough to cost nothing.
const ASK_EVERY_MS = 10000;

/** Return {element, toggle, start(left_ms), pause(paused, left_ms), tick()}; `on_over` is called once, when no time is left. */
export function clockPanel(shown_ms, on_over) {
  const clock = h("p", { className: "clock clock-small", attrs: { role: "timer" }, aria: { label: words.time_label } });
  let countdown = null;
  let milestones = null;
  let over = false;
  setText(clock, formatClock(shown_ms));
  const toggle = button(
    words.hide_time,
    () => {
      clock.hidden = !clock.hidden;
      setText(toggle, clock.hidden ? words.show_time : words.hide_time);
    },
    { kind: "control" },
  );
  const panel = {
    element: h("div", { className: "talk-clock" }, clock),
    toggle,
    start: (left_ms) => {
      countdown = new Countdown(left_ms, () => performance.now());
      milestones = new Milestones(TOLD_MS, left_ms);
      panel.tick();
    },
    /** The server says that the role-play stands still, or goes on, with so much left. */
    pause: (paused, left_ms) => (paused ? countdown?.stop(left_ms) : countdown?.run(left_ms)),
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
  return panel;
}

/** Return {element, toggle, aloud, show()}; in an exam there are no captions and no switches. */
export function captionPanel({ roleplay, mode, preference }) {
  if (mode === "exam") {
    return { element: h("p", { className: "hint captions-exam" }, words.captions_exam), toggle: null, aloud: null, show: () => {} };
  }
  const view = new CaptionView();
  view.aloud = preference.captions_aloud;
  const off = h("p", { className: "hint captions-off", hidden: true }, words.captions_off);
  const toggle = switchButton(words.captions, true, (on) => {
    view.element.hidden = !on;
    off.hidden = on;
  });
  // Off at first: a screen reader would speak over the patient, and into the microphone.
  const aloud = switchButton(words.captions_aloud, view.aloud, (on) => {
    view.aloud = preference.captions_aloud = on;
    savePreference(preference);
  });
  const element = h("section", { className: "captions-panel", aria: { label: words.captions } }, view.element, off);
  return { element, toggle, aloud, show: (past) => view.show(roleplay.captions.visible, { past }) };
}

/** Return a button that is on or off; `set(on)` is told. */
function switchButton(label, on, set) {
  const element = button(
    label,
    () => {
      const now_on = element.getAttribute("aria-pressed") !== "true";
      element.setAttribute("aria-pressed", String(now_on));
      set(now_on);
    },
    { kind: "control", aria: { pressed: String(on) } },
  );
  return element;
}

/** Return {element, close()}: how good the connection is, in two quiet words. Nothing of it is announced. */
export function qualityLine() {
  const element = h("p", { className: "quality", data: { quality: "" } });
  const watch = new NetworkWatch();
  const ask = async () => {
    // Browsers hold timers of hidden pages back: what they measure is themselves.
    if (document.hidden) return;
    const { quality } = watch.add(await roundTrip());
    element.dataset.quality = quality;
    setText(element, words.quality[quality]);
  };
  ask();
  const timer = setInterval(ask, ASK_EVERY_MS);
  return { element, close: () => clearInterval(timer) };
}
