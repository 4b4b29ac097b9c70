/** The browser's addresses: each screen has one, and Back leads to the screen before instead of out of the product. */

import { readAddress } from "../core/address.js";

export class Addresses {
  #here = location.hash;

  constructor() {
    // ({screen, id}): somebody pressed Back or Forward, or wrote an address
    this.onmoved = () => {};
    const moved = () => {
      if (location.hash === this.#here) return;
      this.#here = location.hash;
      this.onmoved(readAddress(this.#here));
    };
    window.addEventListener("popstate", moved);
    window.addEventListener("hashchange", moved);
  }

  /** What the page was opened with. */
  get first() {
    return readAddress(location.hash);
  }

  /** Say where one is: the cards are below everything else, and nothing else is below anything. */
  show(address) {
    if (address === location.hash) return;
    const url = `${location.pathname}${location.search}${address}`;
    if (this.#here === "" && address !== "") history.pushState(null, "", url);
    else history.replaceState(null, "", url);
    this.#here = address;
  }
}
