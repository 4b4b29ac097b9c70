/** Listening to a role-play that is over: waits for its recording, fetches it, and joins the player with the text. */

import { stretchOf } from "../core/places.js";
import { gainsOf } from "../core/track_levels.js";
import { Listener, tracksOf } from "../audio/listener.js";
import { fetchRecord, fetchSound } from "../net/record_api.js";
import { strings } from "../strings.js";
import { button, h, section, setText } from "../ui/dom.js";
import { PlayerView } from "../ui/player_view.js";

const words = strings.debrief;
const ASK_EVERY_MS = 700; // joining five minutes takes about half a second
const ASK_TIMES = 40;
const TRACKS_HZ = 8000; // enough to draw voices, and to tell how loud they are

/**
 * Return {element, play(from_ms, to_ms), close} of the panel. `recording` is the record's account of it, `transcript` a TranscriptView.
 * `on_ready(blob)` is called once the sound is here, which `fetch_sound()` gets, and `on_place(at_ms, playing)` with each place
 * that is heard.
 */
export function recordingPanel({ session, recording, transcript, fetch_sound = () => fetchSound(session), on_ready, on_place = () => {} }) {
  const listener = new Listener();
  const player = new PlayerView(listener);
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const again = button(words.retry, () => load(), { kind: "secondary", hidden: true });
  let closed = false;

  const show = () => {
    player.show();
    transcript.show({ at_ms: listener.at_ms, playing: listener.playing, turn: listener.stretch });
    on_place(listener.at_ms, listener.playing);
  };
  transcript.plays(listener);
  listener.onchange = show;

  const failed = (text) => {
    setText(status, text);
    again.hidden = false;
  };

  const load = async () => {
    again.hidden = true;
    try {
      const { state } = await whenJoined();
      if (closed) return;
      if (state !== "ready") {
        if (state === "joining") failed(words.recording_late);
        else setText(status, words.recording_none);
        return;
      }
      setText(status, words.recording_loading);
      const blob = await fetch_sound();
      await listener.load(blob);
      if (closed) return;
      player.element.hidden = false;
      transcript.audible = true;
      setText(status, words.recording_hint);
      on_ready(blob);
      show();
      const tracks = await tracksOf(blob, TRACKS_HZ);
      listener.level(gainsOf(tracks, TRACKS_HZ));
      player.draw(tracks);
    } catch {
      if (!closed && player.element.hidden) failed(words.recording_failed); // without its picture it can still be heard
    }
  };

  const whenJoined = async () => {
    let found = recording;
    for (let asked = 0; found.state === "joining" && asked < ASK_TIMES && !closed; asked += 1) {
      setText(status, words.recording_joining);
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
      found = (await fetchRecord(session)).recording ?? found;
    }
    return found;
  };

  player.element.hidden = true;
  load();
  return {
    element: section(words.listen, { className: "panel panel-listen" }, player.element, status, again),
    play: (from_ms, to_ms) => {
      if (player.element.hidden) return; // there is no sound (yet)
      const stretch = stretchOf({ from_ms, to_ms }, listener.duration_ms);
      listener.play(stretch.from_ms, { until_ms: stretch.to_ms });
    },
    close: () => {
      closed = true;
      listener.close();
      player.close();
    },
  };
}
