/** Checking the microphone, the sound, the room and the connection, before anything counts. */

import { microphones } from "../audio/microphone.js";
import { FRAME_MS } from "../core/frame_cutter.js";
import { fullShare, MicrophoneVerdict } from "../core/level.js";
import { judgeNetwork } from "../core/network.js";
import { CHIME_MS, WIRE_HZ } from "../core/pcm.js";
import { hearsChime, judgeRoom } from "../core/room.js";
import { roundTrips } from "../net/probe.js";
import { strings } from "../strings.js";
import { button, h, section, setText } from "../ui/dom.js";
import { Meter } from "../ui/meter.js";

const words = strings.check;
const SAMPLE_FRAMES = 3000 / FRAME_MS;
const CHIME_FRAMES = (CHIME_MS + 300) / FRAME_MS; // sound takes a moment to the loudspeaker and back

/**
 * Return {element, open, close}; `open()` resolves to whether a microphone is open, after asking for it. `desk()` returns the AudioDesk, `preference.device_id` is the microphone to begin with and
 * is set to the one that was chosen; `on_problem(problem, retry)` shows a problem. The microphone stays open.
 */
export function deviceCheck({ desk, preference, on_problem }) {
  const meter = new Meter(words.meter);
  const verdict = told(words.verdict.idle);
  const sample = told("");
  const sound = told("");
  const chooser = deviceChooser(() => start());
  // It is {frames, levels_dbfs, wanted, done} while audio is kept.
  let taking = null;
  let closed = false;
  let busy = false;

  const say = (name) => {
    setText(verdict, words.verdict[name]);
    verdict.dataset.verdict = name;
  };

  const listen = () => {
    const judge = new MicrophoneVerdict();
    setText(check, words.again);
    say("waiting");
    record.hidden = false;
    const { microphone } = desk();
    microphone.onframe = ({ pcm, level_dbfs }) => {
      meter.show(level_dbfs);
      say(judge.add(level_dbfs, FRAME_MS, fullShare(pcm)));
      if (!taking) return;
      taking.frames.push(pcm);
      taking.levels_dbfs.push(level_dbfs);
      if (taking.frames.length < taking.wanted) return;
      taking.done(taking);
      taking = null;
    };
    microphone.onlost = () => say("idle");
  };

  /** Resolve with {frames, levels_dbfs} of the next `wanted` frames, or null when something else begins meanwhile. */
  const take = (wanted) =>
    new Promise((done) => {
      taking?.done(null);
      taking = { frames: [], levels_dbfs: [], wanted, done };
    });

  const start = async () => {
    if (busy) return false;
    busy = true;
    say("asking");
    try {
      desk().microphone.device_id = preference.device_id;
      await desk().start();
      await desk().microphone.start();
      listen();
      await chooser.fill();
      return true;
    } catch (problem) {
      say("idle");
      on_problem(problem, start);
      return false;
    } finally {
      busy = false;
    }
  };
  chooser.select.addEventListener("change", () => {
    preference.device_id = chooser.select.value;
    start();
  });

  const hearOneself = async () => {
    if (!desk().microphone.open) return;
    setText(sample, words.sample.speak);
    const taken = await take(SAMPLE_FRAMES);
    if (!taken || closed) return;
    try {
      await desk().playBack(taken.frames);
    } catch (problem) {
      on_problem(problem, null);
      return;
    }
    const room = judgeRoom(taken.levels_dbfs);
    setText(sample, words.sample[room]);
    sample.dataset.verdict = room;
  };

  const testSound = async () => {
    try {
      await desk().playTestSound();
    } catch (problem) {
      on_problem(problem, null);
      return;
    }
    setText(sound, words.sound_played);
    sound.dataset.verdict = "";
    if (!desk().microphone.open) return;
    const taken = await take(CHIME_FRAMES);
    if (!taken || closed || !hearsChime(taken.frames, WIRE_HZ)) return;
    setText(sound, words.sound_heard);
    sound.dataset.verdict = "echo";
  };

  const check = button(words.start, start, { kind: "secondary" });
  const record = button(words.record, hearOneself, { kind: "secondary", hidden: true });
  const element = section(
    words.title,
    { className: "panel panel-check" },
    h("div", { className: "check" }, h("h3", {}, words.microphone), verdict, meter.element, chooser.element, h("div", { className: "row" }, check, record), sample),
    h("div", { className: "check" }, h("h3", {}, words.loudspeaker), h("div", { className: "row" }, button(words.sound_test, testSound, { kind: "secondary" })), sound),
    connectionCheck(),
  );
  if (desk().microphone.open) listen();
  return {
    element,
    open: async () => desk().microphone.open || start(),
    close: () => {
      closed = true;
      desk().microphone.onframe = () => {};
      desk().microphone.onlost = () => {};
      chooser.close();
    },
  };
}

const told = (text) => h("p", { className: "verdict", attrs: { role: "status" } }, text);

/** Return the list of microphones: shown once there is more than one to choose from. */
function deviceChooser() {
  const select = h("select", {});
  const element = h("label", { className: "chooser", hidden: true }, h("span", {}, words.choose), select);
  const fill = async () => {
    const devices = await microphones();
    const chosen = select.value;
    select.replaceChildren(
      ...devices.map(({ id, name }) => h("option", { value: id, selected: id === chosen }, name)),
    );
    element.hidden = devices.length < 2;
  };
  navigator.mediaDevices.addEventListener?.("devicechange", fill);
  return { element, select, fill, close: () => navigator.mediaDevices.removeEventListener?.("devicechange", fill) };
}

/** Return the judgement of the connection, which is made at once: it asks nothing of anybody. */
function connectionCheck() {
  const text = told(words.network.measuring);
  roundTrips().then((times_ms) => {
    const { quality, median_ms } = judgeNetwork(times_ms);
    setText(text, words.network[quality](Math.max(1, Math.round(median_ms ?? 0))));
    text.dataset.verdict = `network-${quality}`;
  });
  return h("div", { className: "check" }, h("h3", {}, words.connection), text);
}
