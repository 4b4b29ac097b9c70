/** What is decided about accounts without a page: where to go on to, and what somebody may choose. */

/** Return the path to go on to after logging in: of this site alone, whatever the address says. */
export function returnTo(search) {
  const next = new URLSearchParams(search).get("next") ?? "/";
  // Two slashes, or a slash and a backslash, would lead to another site.
  return /^\/(?![/\\])[\w\-./?=&%]*$/.test(next) ? next : "/";
}

/** Return the address at which to log in with one's organisation, and to go on from as `search` says. */
export const signOnAddress = (search) => `/login/oidc?${new URLSearchParams({ next: returnTo(search) })}`;

/** Return what to say of having tried that, or ""; `words` are by the server's code. */
export function signOnProblem(search, words) {
  const code = new URLSearchParams(search).get("problem");
  if (code === null) return "";
  return Object.hasOwn(words, code) ? words[code] : words.other;
}

/** Return whether two passwords are the same and not empty. */
export const samePasswords = (first, second) => first !== "" && first === second;

/** Return whether whoever looks at the page must log in before anything else; `me` is what the server says, or null. */
export const mustLogIn = (me) => me?.mode === "accounts" && me.person === null;

/** Return the modes of role-play to choose from: those that the server lets somebody open. */
export const modesFor = (me, modes) => modes.filter((mode) => me.modes.includes(mode));
