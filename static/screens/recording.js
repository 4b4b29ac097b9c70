/** The recording: fetched when asked for (it needs the session's token), heard here or saved. */

import { fetchRecording } from "../net/api.js";
import { strings } from "../strings.js";
import { button, h, section, setText } from "../ui/dom.js";

const words = strings.debrief;

/** Return the panel of a session's recording. */
export function recordingPanel(session) {
  const status = h("p", { className: "hint", attrs: { role: "status" } }, words.recording_hint);
  const place = h("div", { className: "recording" });
  const get = button(words.recording_get, () => load(), { kind: "secondary" });
  let busy = false;

  const load = async () => {
    if (busy) return;
    busy = true;
    setText(status, words.recording_loading);
    try {
      const blob = await fetchRecording(session);
      if (blob === null) {
        setText(status, words.recording_none);
        get.remove();
        return;
      }
      const url = URL.createObjectURL(blob);
      const audio = h("audio", { controls: true, src: url, attrs: { "aria-label": words.recording } });
      const file = words.recording_file(session.card.id);
      place.replaceChildren(audio, h("a", { className: "button button-secondary", href: url, download: file }, words.recording_save));
      setText(status, words.recording_hint);
      audio.focus();
    } catch {
      setText(status, strings.problems["server.unreachable"].body);
    } finally {
      busy = false;
    }
  };
  place.append(get);
  return section(words.recording, { className: "panel" }, place, status);
}
