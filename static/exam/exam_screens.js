/** The screens of an exam that practice does not have: its time, waiting, and its end. */

import { strings } from "../strings.js";
import { button, h, setText } from "../ui/dom.js";

const words = strings.exam;
const when = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "short" });
const hour = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

const screen = (title, ...content) => ({
  element: h("div", { className: "screen" }, h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, title)), ...content),
  title,
});

/** Return the screen with an exam's time; `opens_in()` is in ms, `on_begin()` goes on. */
export function timeScreen({ exam, opens_in, on_begin, on_leave }) {
  const begin = button(exam.state === "begun" ? words.go_on : words.begin, on_begin, { kind: "primary" });
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const shown = screen(
    words.title,
    h("p", {}, h("strong", {}, exam.title)),
    h("p", {}, words.opens(when.format(exam.opens_ms), hour.format(exam.closes_ms))),
    h("ul", { className: "points" }, ...words.points.map((point) => h("li", {}, point))),
    status,
    h("div", { className: "row" }, begin, button(words.leave, on_leave, { kind: "quiet" })),
  );
  const tick = () => {
    const early = exam.state !== "begun" && opens_in() > 0;
    begin.hidden = early;
    setText(status, early ? words.early : "");
  };
  tick();
  const timer = setInterval(tick, 500);
  return { ...shown, close: () => clearInterval(timer) };
}

/** Return a screen that says why one waits; `on_again()` looks whether it goes on. */
export const waitScreen = ({ text, on_again }) =>
  screen(words.wait_title, h("p", { attrs: { role: "status" } }, text), h("div", { className: "row" }, button(words.again, on_again, { kind: "primary" })));

/** Return the last screen, or that of somebody who has no exam. */
export const endScreen = ({ title, text, on_leave }) =>
  screen(title, h("p", {}, text), h("div", { className: "row" }, button(words.leave, on_leave, { kind: "primary" })));
