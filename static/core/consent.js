/** What a candidate agreed to before a role-play. */

/**
 * Return what is kept of a consent: its version and every word that was agreed to. `words` are those of the consent;
 * `remote_mind` is {provider, country} where a language model elsewhere words the replies, or null; `given.remote` is
 * whether that was agreed to as well.
 */
export function consentShown(words, given, remote_mind) {
  const { version, points, agree, remote } = words;
  const text = [...points, agree];
  if (!remote_mind || !given.remote) return { version, text: text.join("\n") };
  const { provider, country } = remote_mind;
  return { version, text: [...text, remote(provider, country)].join("\n"), remote: { provider, country } };
}
