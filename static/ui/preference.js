/** What is remembered between visits, on this computer only: the mode and the profession. */

const KEY = "interlocutor.preference";
const DEFAULT = { mode: "practice", profession: "" };

/** Return {mode, profession}. */
export function loadPreference() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
    const mode = kept.mode === "exam" ? "exam" : "practice";
    return { mode, profession: typeof kept.profession === "string" ? kept.profession : "" };
  } catch {
    return { ...DEFAULT }; // storage is switched off, or holds something else
  }
}

/** Keep {mode, profession}. */
export function savePreference(preference) {
  try {
    localStorage.setItem(KEY, JSON.stringify(preference));
  } catch {
    // Private windows may have no storage: then the choice is made again next time.
  }
}
