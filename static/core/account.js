/** What is decided about accounts without a page: where to go on to, and what somebody may choose. */

/** Return the path to go on to after logging in: of this site alone, whatever the address says. */
export function returnTo(search) {
  const next = new URLSearchParams(search).get("next") ?? "/";
  // Two slashes, or a slash and a backslash, would lead to another site.
  return /^\/(?![/\\])[\w\-./?=&%]*$/.test(next) ? next : "/";
}

/** Return whether two passwords are the same and not empty. */
export const samePasswords = (first, second) => first !== "" && first === second;

/** Return whether whoever looks at the page must log in before anything else; `me` is what the server says, or null. */
export const mustLogIn = (me) => me?.mode === "accounts" && me.person === null;

/** Return the modes of role-play to choose from: those that the server lets somebody open. */
export const modesFor = (me, modes) => modes.filter((mode) => me.modes.includes(mode));
