/** What one can press during a role-play: mute or push-to-talk, please repeat, report, end. */

import { PushToTalk } from "../core/push_to_talk.js";
import { requests } from "../core/requests.js";
import { reportProblem } from "../net/record_api.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { ask } from "../ui/dialogs.js";
import { button, freshId, h, setText } from "../ui/dom.js";
import { savePreference } from "../ui/preference.js";

const words = strings.talk;
// Audio is still on its way for so long when the key is let go.
const TRAILING_MS = 200;

/**
 * Return {mute, hold, toggle} (the mute button, the key of push-to-talk and its switch) and what follows the conversation:
 * {started, on_state, on_captions, reset, close}. `on_muted(muted)` is told whether the person muted the microphone, `on_mode(pushing)` the way to talk.
 */
export function talkingControls({ roleplay, microphone, preference, on_muted, on_mode }) {
  const key = new PushToTalk();
  let pushing = false;
  let timer = null;
  let paused = false;
  let answered = 0; // turns for which the patient has been asked to reply
  const spoken = (line) => line.role === "candidate" && line.done && line.stable && !line.typed;
  const turns = () => roleplay.captions.lines.filter(spoken).length;

  let off = false; // by the button
  const mute = button(words.mute, () => setMuted(!off), { kind: "mute" });
  const setMuted = (muted) => {
    off = muted;
    microphone.muted = muted || paused;
    setText(mute, muted ? words.unmute : words.mute);
    mute.dataset.off = String(muted);
    on_muted(muted);
  };

  const hold = button(words.push.hold, () => {}, { kind: "hold", hidden: true, aria: { pressed: "false" } });
  const show = (talking) => {
    microphone.muted = !talking || paused;
    hold.setAttribute("aria-pressed", String(talking));
    setText(hold, talking ? words.push.talking : words.push.hold);
    if (talking) clearTimeout(timer);
    else finishSoon();
  };
  /** What was said is a turn as soon as the key is up; nothing that was understood as speech needs no end. */
  const finishSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (pushing && !key.talking && roleplay.conversation.state === "hearing") roleplay.send(requests.commit());
    }, TRAILING_MS);
  };
  const down = () => show(key.down(performance.now()));
  const up = () => show(key.up(performance.now()));
  hold.addEventListener("pointerdown", (event) => {
    hold.setPointerCapture(event.pointerId);
    down();
  });
  hold.addEventListener("pointerup", up);
  hold.addEventListener("pointercancel", up);

  const isKey = (event) => pushing && (event.code === "Space" || (event.code === "Enter" && event.target === hold));
  const isTaken = (event) => event.target.closest?.("textarea, input, select, summary, dialog, button, a") && event.target !== hold;
  const onKey = (event) => {
    if (!isKey(event) || isTaken(event)) return;
    event.preventDefault(); // the page would scroll, the button be clicked
    if (event.type === "keydown") {
      if (!event.repeat) down();
    } else up();
  };
  const onBlur = () => {
    if (pushing && key.talking) show(key.release());
  };
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", onKey);
  window.addEventListener("blur", onBlur);

  const toggle = button(words.push.mode, () => setPushing(!pushing), { kind: "control", aria: { pressed: "false" } });
  const setPushing = (on) => {
    pushing = on;
    preference.push_to_talk = on;
    savePreference(preference); // a page that is loaded anew must know how turns end
    toggle.setAttribute("aria-pressed", String(on));
    hold.hidden = !on;
    mute.hidden = on;
    roleplay.send(requests.endTurns(!on));
    answered = turns();
    if (on) {
      setMuted(false);
      show(key.release());
      announce(words.push.hint);
    } else {
      key.release();
      setMuted(false);
    }
    on_mode(on);
  };

  return {
    mute,
    hold,
    toggle,
    /** The connection stands: the server is told of a choice that was made before; one that knows another is told as well. */
    started: ({ again }) => (preference.push_to_talk || again) && setPushing(preference.push_to_talk),
    on_state: () => {
      if (pushing && !key.talking && roleplay.conversation.state === "hearing") finishSoon();
    },
    /** What was said between the key's going down and up was understood: now it is the patient's turn. */
    on_captions: () => {
      if (!pushing || turns() <= answered) return;
      answered = turns();
      roleplay.send(requests.reply());
    },
    /** While the role-play stands still nothing is sent, whatever the buttons say. */
    on_paused: (on) => {
      paused = on;
      if (pushing) show(key.release());
      else setMuted(off);
    },
    reset: () => setMuted(false),
    close: () => {
      clearTimeout(timer);
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("keyup", onKey);
      window.removeEventListener("blur", onBlur);
    },
  };
}

/** Return {element, on_state}: asks the patient to say it again, for those who can't or won't speak over it. */
export function repeatButton(roleplay) {
  const element = button(
    words.repeat,
    () => {
      if (element.getAttribute("aria-disabled") === "true") return;
      for (const message of requests.say(words.repeat_said)) roleplay.send(message);
      element.setAttribute("aria-disabled", "true"); // until the next answer is over
    },
    { kind: "control" },
  );
  const on_state = () => {
    const heard = roleplay.captions.lines.some((line) => line.role === "patient" && line.stable);
    element.setAttribute("aria-disabled", String(!(heard && roleplay.conversation.state === "listening")));
  };
  on_state();
  return { element, on_state };
}

/** Return {element, on_paused(paused)}: asks for a pause, or to go on; what the server says of it is shown. */
export function pauseButton(roleplay) {
  let paused = false;
  const element = button(words.pause, () => roleplay.send(requests.pause(!paused)), { kind: "control" });
  return {
    element,
    on_paused: (on) => {
      paused = on;
      setText(element, on ? words.go_on : words.pause);
      element.classList.toggle("button-primary", on);
    },
  };
}

/** Ask what went wrong and send it; `tell(text)` shows what came of it. */
export async function askForReport(session, tell) {
  const kind_id = freshId("kind");
  const text_id = freshId("text");
  const kinds = Object.entries(words.report.kinds).map(([value, label]) => h("option", { value }, label));
  const kind = h("select", { id: kind_id }, ...kinds);
  const text = h("textarea", { id: text_id, rows: 3, maxLength: 1000 });
  const chosen = await ask({
    title: words.report.title,
    body: words.report.body,
    choices: [
      { value: "send", label: words.report.send, kind: "primary" },
      { value: "cancel", label: words.report.cancel, kind: "plain" },
    ],
    on_escape: "cancel",
    extra: [
      h("div", { className: "field" }, h("label", { htmlFor: kind_id }, words.report.kind), kind),
      h("div", { className: "field" }, h("label", { htmlFor: text_id }, words.report.text), text),
    ],
  });
  if (chosen !== "send") return;
  tell((await reportProblem(session, kind.value, text.value)) ? words.report.sent : words.report.failed);
}
