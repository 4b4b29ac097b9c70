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

/** Return the modes of role-play that somebody may choose from. */
export function modesFor(me, modes) {
  if (!me || me.mode === "open") return modes;
  const sits = me.person !== null && ["candidate", "developer"].includes(me.person.role);
  return modes.filter((mode) => mode !== "exam" || sits);
}
