/** A role-play that is over: its sound and its words in step, cues, measures and notes. */

import { formatElapsed } from "../core/clock.js";
import { Listener, tracksOf } from "../audio/listener.js";
import { button, h, section, setText } from "../ui/dom.js";
import { PlayerView } from "../ui/player_view.js";
import { TranscriptView } from "../ui/transcript_view.js";
import { reportAddress } from "./desk_api.js";
import { Keys } from "./keys.js";
import { MarkingView } from "./marking_view.js";
import { NotesView } from "./notes_view.js";
import { opinionPanel } from "./opinion_view.js";
import { cueLog, measuresPanel, standingList } from "./past_panels.js";
import { PickableWaveform } from "./pickable_waveform.js";
import { PickedStretch } from "./picked_stretch.js";
import { PickingView } from "./picking_view.js";
import { recordState } from "./record_state.js";
import { words as all } from "./strings.js";

const words = all.past;
const SPEEDS = [0.75, 1, 1.25, 1.5, 2];
const ASK_EVERY_MS = 1000;
const ASK_TIMES = 30;
const STEP_MS = 5000;

/** Return the screen of a role-play that is over; `book` has its notes, `on_back()` leaves it, `on_follow()` where it is not over yet. */
export function pastScreen({ api, id, book, on_back, on_follow }) {
  const listener = new Listener();
  const waveform = new PickableWaveform();
  const player = new PlayerView(listener, { speeds: SPEEDS, names: all.follow.who, waveform });
  const heading = h("h1", { tabIndex: -1 }, words.loading);
  const who = h("p", {});
  const status = h("p", { className: "hint", attrs: { role: "status" } }, words.loading);
  const again = button(words.retry, () => loadSound(), { kind: "secondary", hidden: true });
  const standing_place = h("div", { className: "standing" });
  const said_place = h("div", {});
  const side = h("div", { className: "follow-side" });
  const measures_place = h("div", {});
  const keys = new Keys({
    b: () => notes.bookmark(),
    n: () => notes.write(),
    i: () => notes.incident(),
    f: () => picking?.begin(),
    t: () => picking?.end(),
    c: () => picking?.turn(),
    " ": () => (listener.playing ? listener.pause() : listener.play()),
    arrowleft: () => listener.seek(Math.max(0, listener.at_ms - STEP_MS)),
    arrowright: () => listener.seek(Math.min(listener.duration_ms, listener.at_ms + STEP_MS)),
  });
  const notes = new NotesView({ book, keys, when: "past", at_ms: () => Math.round(listener.at_ms) });
  const marking_place = h("div", {});
  const opinion_place = h("div", {});
  const picking_place = h("div", {});
  let marking = null;
  let picking = null;
  let transcript = null;
  let closed = false;

  const show = () => {
    player.show();
    transcript?.show({ at_ms: listener.at_ms, playing: listener.playing, turn: listener.stretch });
  };
  listener.onchange = show;
  const showPicked = () => {
    picking.show();
    marking.showPicked();
    const { whole, from_ms, to_ms } = marking.picked;
    const share = (at_ms) => Math.min(1, at_ms / listener.duration_ms);
    waveform.picked = whole && listener.duration_ms > 0 ? { from: share(from_ms), to: share(to_ms) } : null;
  };

  const loadSound = async () => {
    again.hidden = true;
    try {
      let { recording } = await api.record(id);
      for (let asked = 0; recording?.state === "joining" && asked < ASK_TIMES && !closed; asked += 1) {
        setText(status, words.joining);
        await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
        ({ recording } = await api.record(id));
      }
      if (closed) return;
      if (recording?.state !== "ready") {
        setText(status, words.none);
        return;
      }
      setText(status, words.loading);
      const blob = await api.sound(id);
      await listener.load(blob);
      if (closed) return;
      player.element.hidden = false;
      if (transcript) transcript.audible = true;
      notes.on_play = (at_ms) => listener.play(at_ms);
      notes.show();
      for (const place of side.querySelectorAll(".place")) place.disabled = false;
      setText(status, words.hint);
      show();
      if (picking) showPicked();
      player.draw(await tracksOf(blob));
    } catch {
      if (closed || !player.element.hidden) return;
      setText(status, words.failed);
      again.hidden = false;
    }
  };

  /** Return a button that plays from a place, once there is a recording. */
  const place = (at_ms, text = formatElapsed(at_ms)) =>
    button(text, () => listener.play(at_ms), {
      kind: "time",
      disabled: player.element.hidden,
      className: "button button-time place",
      aria: { label: words.play_from(text) },
    });

  const loadMeasures = async () => {
    measures_place.replaceChildren(h("p", { className: "hint", attrs: { role: "status" } }, words.measures_loading));
    let shown;
    try {
      shown = measuresPanel(await api.measures(id), place);
    } catch (problem) {
      // Who has still to mark an exam isn't told of them.
      shown = problem.status === 403 ? "" : section(words.measures, { className: "panel" }, h("p", {}, words.measures_failed), button(words.retry, () => loadMeasures(), { kind: "secondary" }));
    }
    measures_place.replaceChildren(shown);
  };

  const loadOpinion = async () => {
    try {
      opinion_place.replaceChildren(opinionPanel(await api.opinion(id), place));
    } catch (problem) {
      // Who has still to mark isn't told of it.
      opinion_place.replaceChildren(problem.status === 403 || problem.status === 409 ? "" : h("p", { className: "hint" }, all.opinion.failed));
    }
  };

  const load = async () => {
    let record;
    try {
      record = await api.record(id);
    } catch (problem) {
      setText(heading, all.title);
      setText(status, problem.status === 404 ? words.absent : problem.detail || words.failed);
      return;
    }
    if (closed) return;
    setText(heading, record.card.title);
    setText(who, [all.list.modes[record.mode] ?? record.mode, record.card.profession].join(", "));
    const { mark, tell } = recordState(record);
    standing_place.replaceChildren(standingList(tell) ?? "");
    if (tell.some(([kind]) => kind === "running")) {
      setText(status, "");
      standing_place.append(button(words.follow, on_follow, { kind: "primary" }));
      return;
    }
    if (tell.some(([kind]) => kind === "erased")) {
      setText(status, "");
      for (const part of [notes.element, listening]) part.hidden = true;
      keys.close();
      return;
    }
    const turns = record.turns ?? [];
    transcript = new TranscriptView(turns, { names: all.follow.who, texts: { typed: all.follow.typed, told_here: words.told_here } });
    transcript.plays(listener);
    said_place.replaceChildren(section(words.said, { className: "panel" }, transcript.element));
    const placed = turns.map((turn) => ({ words: [], ...turn }));
    const picked = new PickedStretch(placed);
    picking = new PickingView({ picked, listener, turns: placed, transcript: transcript.element });
    if (mark) picking_place.replaceChildren(picking.element);
    waveform.onpick = (from, to) => picked.between(from * listener.duration_ms, to * listener.duration_ms);
    marking = new MarkingView({
      api: { marks: () => api.marks(id), saveMarks: (body) => api.saveMarks(id, body), marksTable: () => api.marksTable(id), report_address: reportAddress(id) },
      listener,
      turns: placed,
      picked,
      may_mark: mark,
    });
    picked.onchange = showPicked;
    marking_place.replaceChildren(marking.element);
    side.replaceChildren(cueLog(record, turns, place), measures_place);
    loadSound();
    loadMeasures();
    loadOpinion();
  };

  const listening = section(words.listen, { className: "panel panel-listen" }, player.element, status, again, picking_place);
  player.element.hidden = true;
  load();
  api.notes(id).then((rows) => book.take(rows), () => {});

  return {
    element: h(
      "div",
      { className: "screen screen-follow" },
      h("div", { className: "lead" }, button(all.follow.back, on_back, { kind: "quiet" }), heading, who, standing_place),
      listening,
      h("div", { className: "follow-parts" }, h("div", { className: "follow-main" }, said_place, notes.element), side),
      marking_place,
      opinion_place,
    ),
    title: all.title,
    close: () => {
      closed = true;
      keys.close();
      picking?.close();
      marking?.close();
      listener.close();
      player.close();
    },
  };
}
