/** What a candidate agreed to before a role-play. */

/**
 * Return what is kept of a consent: its version and every word that was agreed to. `words` are those of the consent;
 * `info` is what the server says of itself; `of` is what it is for, as of consentPoints. Where a language model elsewhere
 * words the replies (its `remote_mind`), `given.remote` is whether that was agreed to as well.
 */
export function consentShown(words, given, info, of) {
  const { version, agree, remote } = words;
  const remote_mind = info.remote_mind ?? null;
  const text = [...consentPoints(words, info, of), agree];
  if (!remote_mind || !given.remote) return { version, text: text.join("\n") };
  const { provider, country } = remote_mind;
  return { version, text: [...text, remote(provider, country)].join("\n"), remote: { provider, country } };
}

/**
 * Return the points of the consent to a role-play as they are shown: with who may listen on this server, how long it keeps the
 * record, and how that is deleted. `of` is {mode, planned}: an exam that was planned has examiners, and one that a guest opens
 * has none.
 */
export function consentPoints(words, info, { mode, planned = false }) {
  const examiners = info.listeners[mode].includes("examiner") && (mode === "practice" || planned);
  const { practice_days, exam_days } = info.kept;
  const kept = { ...info.kept, mode, planned, days: mode === "exam" ? exam_days : practice_days };
  return [...words.points, words.listen({ mode, examiners }), words.kept(kept)];
}

/**
 * Return the consent in another language, with a version of its own (`VERSION-CODE`); `translated` names the English
 * `version` that it was made from. It stays English where there is none, where a part is missing, and where it was made
 * from other words than those of today: nobody agrees to what is out of date.
 */
export function consentIn(english, translated, { code, dir }) {
  if (translated?.version !== english.version || translated.points?.length !== english.points.length) return english;
  const whole = Object.entries(english).every(([name, value]) => typeof translated[name] === typeof value);
  if (!whole) return english;
  return { ...translated, version: `${english.version}-${code}`, lang: code, dir };
}
