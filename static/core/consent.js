/** What a candidate agreed to before a role-play. */

/**
 * Return what is kept of a consent: its version and every word that was agreed to. `words` are those of the consent;
 * `info` is what the server says of itself. Where a language model elsewhere words the replies (its `remote_mind`),
 * `given.remote` is whether that was agreed to as well.
 */
export function consentShown(words, given, info) {
  const { version, agree, remote } = words;
  const remote_mind = info.remote_mind ?? null;
  const text = [...consentPoints(words, info), agree];
  if (!remote_mind || !given.remote) return { version, text: text.join("\n") };
  const { provider, country } = remote_mind;
  return { version, text: [...text, remote(provider, country)].join("\n"), remote: { provider, country } };
}

/** Return the points of the consent as they are shown: with the days that this server keeps records. */
export function consentPoints(words, info) {
  return [...words.points, words.kept(info.kept)];
}
