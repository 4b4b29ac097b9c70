/** Checking the microphone and the sound before the role-play. */

import { FRAME_MS } from "../core/frame_cutter.js";
import { MicrophoneVerdict } from "../core/level.js";
import { strings } from "../strings.js";
import { button, h, section, setText } from "../ui/dom.js";
import { Meter } from "../ui/meter.js";

const words = strings.prepare;

/** Return {element, close}. The microphone stays open afterwards, so that the role-play need not ask again. */
export function microphoneCheck({ desk, on_problem }) {
  const meter = new Meter(words.check_meter);
  const verdict_text = h("p", { className: "verdict", attrs: { role: "status" } }, words.check.idle);
  const device = h("p", { className: "hint" });
  const sound_text = h("p", { className: "hint", attrs: { role: "status" } });

  const say = (verdict) => {
    setText(verdict_text, words.check[verdict]);
    verdict_text.dataset.verdict = verdict;
  };

  const listen = () => {
    const { microphone } = desk();
    const verdict = new MicrophoneVerdict();
    setText(device, microphone.device ? words.device(microphone.device) : "");
    setText(check, words.check_again);
    say("waiting");
    microphone.onframe = ({ level_dbfs }) => {
      meter.show(level_dbfs);
      say(verdict.add(level_dbfs, FRAME_MS));
    };
    microphone.onlost = () => say("idle");
  };

  let busy = false;
  const start = async () => {
    if (busy) return;
    busy = true;
    say("asking");
    try {
      await desk().start();
      await desk().microphone.start();
      listen();
    } catch (problem) {
      say("idle");
      on_problem(problem, start);
    } finally {
      busy = false;
    }
  };

  const check = button(words.check_start, start, { kind: "secondary" });
  const sound = button(
    words.sound_test,
    async () => {
      try {
        await desk().playTestSound();
        setText(sound_text, words.sound_played);
      } catch (problem) {
        on_problem(problem, null);
      }
    },
    { kind: "secondary" },
  );
  const element = section(
    words.check_title,
    { className: "panel panel-check" },
    verdict_text,
    meter.element,
    device,
    h("div", { className: "row" }, check, sound),
    sound_text,
  );
  if (desk().microphone.open) listen();
  return {
    element,
    close: () => {
      desk().microphone.onframe = () => {};
      desk().microphone.onlost = () => {};
    },
  };
}
