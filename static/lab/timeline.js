/** Both voices of the role-plays of a run: a picture with the waits, the words, and each turn to be heard. */

import { fetchRecord } from "../net/record_api.js";
import { recordingPanel } from "../screens/recording.js";
import { strings } from "../strings.js";
import { button, h, section } from "../ui/dom.js";
import { TranscriptView } from "../ui/transcript_view.js";

const words = strings.lab.timeline;

/** Return the places of a record's turns in per cent of its length, and the waits between: [{role, from, width, ms?}]. */
export function placesOf(turns, duration_ms) {
  const share = (ms) => (100 * ms) / Math.max(1, duration_ms);
  const heard = turns.filter(({ from_ms, to_ms }) => Number.isFinite(from_ms) && to_ms > from_ms);
  const places = heard.map(({ role, from_ms, to_ms }) => ({ role, from: share(from_ms), width: share(to_ms - from_ms) }));
  const waits = heard.flatMap((turn, index) => {
    const before = heard[index - 1];
    if (!before || before.role !== "candidate" || turn.role !== "patient") return [];
    const ms = Math.round(turn.from_ms - before.to_ms);
    const [from_ms, to_ms] = ms >= 0 ? [before.to_ms, turn.from_ms] : [turn.from_ms, before.to_ms];
    return [{ role: ms < 0 ? "cut" : "wait", from: share(from_ms), width: share(to_ms - from_ms), ms }];
  });
  return [...places, ...waits];
}

/** Return {element, close} of the panel of a run's role-plays; null where it has none. */
export function timelines(run) {
  const sessions = run.sessions ?? [];
  if (sessions.length === 0) return null;
  const place = h("div", { className: "lab-timeline" });
  let close = () => {};
  let asked = 0;
  const leave = () => {
    asked += 1;
    close();
    close = () => {};
  };
  const show = async (session) => {
    leave();
    const mine = asked;
    try {
      const record = await fetchRecord(session);
      if (mine !== asked) return;
      if (!record.turns) throw new Error("it is not over");
      const transcript = new TranscriptView(record.turns);
      const recording = recordingPanel({ session, recording: record.recording, transcript, on_ready: () => {} });
      close = () => recording?.close();
      place.replaceChildren(picture(record), recording?.element ?? "", transcript.element);
    } catch {
      if (mine !== asked) return;
      place.replaceChildren(h("p", { className: "lab-warning" }, words.failed));
    }
  };
  const choices = sessions.map((session) => button(words.show(session.name), () => show(session), { kind: "plain" }));
  const element = section(words.title, { className: "lab-timelines" }, h("p", { className: "hint" }, words.hint), h("div", { className: "row" }, ...choices), place);
  return { element, close: leave };
}

function picture({ turns, recording }) {
  const length_ms = recording.duration_ms || Math.max(0, ...turns.map(({ to_ms }) => to_ms ?? 0));
  const bar = h("div", { className: "lab-lanes", attrs: { dir: "ltr" }, aria: { hidden: "true" } });
  for (const { role, from, width, ms } of placesOf(turns, length_ms)) {
    const part = h("span", { className: `lab-lane lab-lane-${role}`, title: ms === undefined ? "" : words.wait(ms) });
    part.style.left = `${from}%`;
    part.style.width = `${Math.max(width, 0.3)}%`;
    bar.append(part);
  }
  return bar;
}
