/**
 * The way of a person through the page: a table of screens and of what leads from one to the next.
 *
 * Earlier role-plays are looked at from "choosing", and each leads to its debrief.
 *
 *     choosing -> checking -> opening -> preparing -> connecting -> talking -> closing -> debrief
 *
 * A page that is loaded anew in the midst of it, or from which another tab took the role-play, is at "returning".
 */

const TABLE = {
  choosing: { choose: "checking", found: "returning", look_back: "history" },
  history: { open: "closing", leave: "choosing" },
  returning: { prepare: "preparing", start: "connecting", ended: "closing", leave: "choosing" },
  checking: { agreed: "opening", leave: "choosing" },
  opening: { opened: "preparing", failed: "checking" },
  preparing: { start: "connecting", leave: "choosing" },
  connecting: { started: "talking", failed: "preparing", returned: "returning", ended: "closing" },
  talking: { ended: "closing", returned: "returning" },
  closing: { closed: "debrief" },
  debrief: { again: "opening", leave: "choosing" },
};

export class Flow {
  constructor() {
    this.screen = "choosing";
  }

  /** Return true when `step` leads anywhere from here. */
  can(step) {
    return step in TABLE[this.screen];
  }

  /** Take a step and return the new screen; throws naming the steps that there are. */
  take(step) {
    const next = TABLE[this.screen][step];
    if (!next) {
      throw new Error(`no "${step}" while ${this.screen}; expected one of: ${Object.keys(TABLE[this.screen]).join(", ")}`);
    }
    this.screen = next;
    return next;
  }
}
