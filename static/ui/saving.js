/** Saving what was fetched as a file. */

import { h } from "./dom.js";

const LET_GO_AFTER_MS = 1000; // the browser has begun to read it by then

/** Have the browser save {blob, name}. */
export function save({ blob, name }) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), LET_GO_AFTER_MS);
}
