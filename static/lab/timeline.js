/** Both voices of the role-plays of a run: the strip with waits and what was prepared, the words, and each turn to be heard. */

import { fetchRecord } from "../net/record_api.js";
import { recordingPanel } from "../screens/recording.js";
import { strings } from "../strings.js";
import { button, h, section } from "../ui/dom.js";
import { TranscriptView } from "../ui/transcript_view.js";
import { measuredWaits, twoVoices, waitsBetween } from "./two_voices.js";

const words = strings.lab.timeline;

/** Return the turns that were measured in one role-play of a run; its recordings are run once in each repeat. */
export function turnsIn(run, session) {
  const again = run.sessions.filter(({ name }) => name === session.name).indexOf(session);
  return (run.repeats[again] ?? []).filter(({ source }) => source === session.name);
}

/** Return {element, close} of the panel of a run's role-plays, which `api` knows; null where it has none. */
export function timelines(run, api) {
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
      const opened = api.opener(session);
      const [record, drafts] = await Promise.all([fetchRecord(opened), api.drafts(opened)]);
      if (mine !== asked) return;
      if (!record.turns) throw new Error("it is not over");
      const measured = measuredWaits(turnsIn(run, session));
      const both = bothVoices({
        session: opened,
        recording: record.recording,
        shown: {
          turns: record.turns,
          drafts,
          waits: measured.length > 0 ? measured : waitsBetween(record.turns),
          length_ms: record.recording.duration_ms || Math.max(0, ...record.turns.map(({ to_ms }) => to_ms ?? 0)),
        },
      });
      close = both.close;
      place.replaceChildren(...both.elements);
    } catch {
      if (mine !== asked) return;
      place.replaceChildren(h("p", { className: "lab-warning" }, words.failed));
    }
  };
  const choices = sessions.map((session) => button(words.show(session.name), () => show(session), { kind: "plain" }));
  const element = section(words.title, { className: "lab-timelines" }, h("p", { className: "hint" }, words.hint), h("div", { className: "row" }, ...choices), place);
  return { element, close: leave };
}

/**
 * Return {elements, close}: the strip of `shown` (as of twoVoices), its recording, and what was said, joined. The sound comes
 * from `fetch_sound()` where it is given, or else from the session's record.
 */
export function bothVoices({ session = null, recording, shown, fetch_sound }) {
  const transcript = new TranscriptView(shown.turns);
  const strip = twoVoices(shown, { on_play: (from_ms, to_ms) => panel.play(from_ms, to_ms) });
  const panel = recordingPanel({ session, recording, transcript, fetch_sound, on_ready: () => {}, on_place: strip.place });
  return { elements: [strip.element, panel.element, transcript.element], close: panel.close };
}
