/** What is remembered between visits, on this computer only: the mode, the profession, the microphone, the way to talk, captions aloud. */

const KEY = "interlocutor.preference";
const DEFAULT = { mode: "practice", profession: "", device_id: "", push_to_talk: false, captions_aloud: false };
const text = (value) => (typeof value === "string" ? value : "");

/** Return {mode, profession, device_id, push_to_talk, captions_aloud}. */
export function loadPreference() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
    const mode = kept.mode === "exam" ? "exam" : "practice";
    return { mode, profession: text(kept.profession), device_id: text(kept.device_id), push_to_talk: kept.push_to_talk === true, captions_aloud: kept.captions_aloud === true };
  } catch {
    return { ...DEFAULT }; // storage is switched off, or holds something else
  }
}

/** Keep it. */
export function savePreference(preference) {
  try {
    localStorage.setItem(KEY, JSON.stringify(preference));
  } catch {
    // Private windows may have no storage: then the choice is made again next time.
  }
}
