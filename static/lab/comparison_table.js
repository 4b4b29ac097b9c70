/** A replay against an earlier one: each figure before and now, with the interval that chance alone may make. */

import { strings } from "../strings.js";
import { h, svg } from "../ui/dom.js";

const words = strings.lab.report.comparison;
const KINDS = { lower: "lab-better", higher: "lab-worse" };
const [WIDTH, HEIGHT] = [220, 18];

/** Return before, now, difference and interval of a figure as texts. */
export function cellsOf({ before, now, change, interval, unit }) {
  const most = Math.max(0, ...[before, now].map((value) => Math.abs(value ?? 0)));
  const digits = !unit.startsWith("ms") ? 3 : most < 100 ? 1 : 0;
  const plain = (value) => (value === null ? "-" : (Number(value.toFixed(digits)) + 0).toFixed(digits)); // + 0: no "-0"
  const signed = (value) => (value === null || plain(value).startsWith("-") ? plain(value) : `+${plain(value)}`);
  return [plain(before), plain(now), signed(change), interval === null ? "-" : words.interval(...interval.map(signed))];
}

/** Return the interval as a line with the difference on it; the numbers beside it say the same. */
function drawn({ interval, change }, reach) {
  const x = (value) => (WIDTH / 2) * (1 + (0.95 * value) / reach);
  const [low, high] = interval;
  const middle = HEIGHT / 2;
  const at = Math.min(Math.max(change ?? 0, -reach), reach);
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "lab-interval", "aria-hidden": "true" },
    svg("line", { class: "grid", x1: x(0), x2: x(0), y1: 0, y2: HEIGHT }),
    svg("line", { class: "range", x1: x(low), x2: x(high), y1: middle, y2: middle }),
    svg("circle", { class: "mark", cx: x(at), cy: middle, r: 3.5 }),
  );
}

/** Return what a reader must hold against the comparison, the figures, and how the intervals were made. */
export function comparisonTable({ figures, caveats, method }) {
  const inMilliseconds = figures.filter(({ interval, unit }) => interval !== null && unit === "ms");
  const reach = Math.max(0, ...inMilliseconds.flatMap(({ interval }) => interval.map(Math.abs)));
  const head = (name, className = "") => h("th", { scope: "col", className }, name);
  const row = (figure) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, figure.name, " ", h("span", { className: "hint" }, figure.unit)),
      ...cellsOf(figure).map((text) => h("td", { className: "number" }, text)),
      h("td", {}, inMilliseconds.includes(figure) && reach > 0 ? drawn(figure, reach) : ""),
      h("td", { className: KINDS[figure.verdict] ?? "hint" }, figure.verdict),
    );
  return [
    ...caveats.map((caveat) => h("p", {}, caveat)),
    h(
      "div",
      { className: "lab-scroll", tabIndex: 0, attrs: { role: "region" }, aria: { label: words.label } },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, head(words.figure), ...words.columns.map((name) => head(name, "number")), h("td"), head(words.verdict))),
        h("tbody", {}, ...figures.map(row)),
      ),
    ),
    h("p", { className: "hint" }, method),
  ];
}
