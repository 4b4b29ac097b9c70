/**
 * The address of a screen, after the "#" of the page's: so that Back stays in the product, and what is over can be kept.
 *
 *     ""                  the cards            "#/card/ID"        before one starts
 *     "#/role-plays"      one's role-plays     "#/role-play/ID"   one that is over
 *     "#/now"             one that is prepared for, or under way
 */

const ID = /^[\w-]{1,80}$/;

/** Return the address of a screen, with the id of its card or session. */
export function addressOf(screen, id = "") {
  return { cards: "", card: `#/card/${id}`, history: "#/role-plays", past: `#/role-play/${id}`, now: "#/now" }[screen] ?? "";
}

/** Return {screen, id} of an address; one that leads nowhere is that of the cards. */
export function readAddress(hash) {
  const [, kind, id = ""] = hash.split("/");
  if (kind === "role-plays") return { screen: "history", id: "" };
  if (kind === "now") return { screen: "now", id: "" };
  if (kind === "role-play" && ID.test(id)) return { screen: "past", id };
  if (kind === "card" && ID.test(id)) return { screen: "card", id };
  return { screen: "cards", id: "" };
}
