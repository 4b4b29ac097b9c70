/** The screen of a page that was loaded anew in the midst of a role-play, or that another tab took it from. */

import { formatClock } from "../core/clock.js";
import { strings } from "../strings.js";
import { button, h, IN_ENGLISH, setText } from "../ui/dom.js";

const words = strings.going_on;

/**
 * Return the screen of a Visit. `taken`: another tab has it. `on_go()` is called from a click, since sound may only be
 * opened there; `on_leave()` goes to the cards.
 */
export function goingOnScreen({ visit, taken = false, on_go, on_leave }) {
  const talking = visit.resume !== null;
  const { title, lead, go } = taken ? words.taken : talking ? words.talking : words.preparing;
  const clock = h("p", { className: "clock", attrs: { role: "timer" }, aria: { label: talking ? strings.talk.time_label : strings.prepare.time_label } });
  const left_ms = () => (talking ? visit.left_ms : visit.countdown.left_ms);
  const tick = () => setText(clock, formatClock(left_ms()));
  const start = async () => {
    if (element.getAttribute("aria-busy") === "true") return;
    element.setAttribute("aria-busy", "true");
    await on_go();
    element.removeAttribute("aria-busy");
  };
  const element = h(
    "div",
    { className: "screen screen-going-on" },
    h(
      "div",
      { className: "lead" },
      h("h1", { tabIndex: -1 }, title),
      h("p", {}, h("strong", IN_ENGLISH, visit.session.card.title), h("br"), lead),
    ),
    taken ? null : h("div", { className: "panel panel-clock" }, h("div", {}, clock, h("p", { className: "clock-caption" }, talking ? words.left : strings.prepare.time_left))),
    h("div", { className: "row row-go" }, button(go, start, { kind: taken ? "secondary" : "primary" }), button(words.leave, on_leave, { kind: "quiet" })),
  );
  tick();
  const timer = setInterval(tick, 200);
  return { element, title, close: () => clearInterval(timer) };
}
