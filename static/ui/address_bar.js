/** A drawing of where this browser has its own sign for the microphone: beside the address. */

import { strings } from "../strings.js";
import { h, svg } from "./dom.js";

const words = strings.problems.where;

/** Return which browser this is, as far as its sign goes: "firefox", "safari" or "chromium". */
export function browserOf(agent) {
  if (/firefox|fxios/i.test(agent)) return "firefox";
  return /safari/i.test(agent) && !/chrom|crios|edg/i.test(agent) ? "safari" : "chromium";
}

const stroke = { fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round" };
const line = (x1, y1, x2, y2) => svg("line", { x1, y1, x2, y2, ...stroke });
const SIGNS = {
  chromium: () => [line(22, 17, 38, 17), line(22, 27, 38, 27), svg("circle", { cx: 27, cy: 17, r: 3, fill: "currentColor" }), svg("circle", { cx: 33, cy: 27, r: 3, fill: "currentColor" })],
  firefox: () => [svg("rect", { x: 27, y: 11, width: 6, height: 12, rx: 3, ...stroke }), svg("path", { d: "M23 20 a7 7 0 0 0 14 0 M30 27 v5", ...stroke }), line(22, 11, 38, 32)],
  safari: () => [line(23, 14, 37, 14), line(23, 20, 37, 20), line(23, 26, 32, 26)],
};

/** Return the picture with its words. */
export function addressBar(agent = navigator.userAgent) {
  const browser = browserOf(agent);
  const picture = svg(
    "svg",
    { viewBox: "0 0 240 44", class: "address-bar", "aria-hidden": "true" },
    svg("rect", { x: 1, y: 1, width: 238, height: 42, rx: 21, fill: "none", stroke: "currentColor", opacity: 0.5 }),
    svg("circle", { cx: 30, cy: 22, r: 16, class: "address-bar-sign" }),
    ...SIGNS[browser](),
    svg("text", { x: 56, y: 27, "font-size": 14, fill: "currentColor" }, location.host.slice(0, 22)),
  );
  return h("div", { className: "address-bar-help" }, picture, h("p", {}, words[browser]));
}
