/** The distribution of voice-to-voice of several runs, drawn by uPlot: the share of turns answered within each time. */

import { strings } from "../strings.js";
import { h } from "../ui/dom.js";

const HEIGHT = 280;
const DASHES = [[], [8, 4], [2, 3], [12, 4, 2, 4], [6, 2], [1, 2]]; // so that colour is not the only difference
export const COLOURS = ["--run-0", "--run-1", "--run-2", "--run-3", "--run-4", "--run-5"];

/**
 * Return distributions as the chart takes them: [times_ms, shares, shares, ...]; null where nothing was answered.
 *
 * One list of times for all, from 0 (or the first) to a little after the last.
 */
export function curvesOf(distributions) {
  const found = distributions.flatMap(({ times_ms }) => times_ms);
  if (found.length === 0) return null;
  const ends_ms = [Math.min(0, ...found.map((ms) => ms - 1)), 1.05 * Math.max(0, ...found)];
  const all_ms = [...new Set([...found, ...ends_ms])].sort((a, b) => a - b);
  const curve = ({ times_ms, shares }) => {
    if (times_ms.length === 0) return all_ms.map(() => null);
    let reached = 0;
    return all_ms.map((at_ms) => {
      if (times_ms[reached] <= at_ms) reached += 1;
      return shares[reached - 1] ?? 0;
    });
  };
  return [all_ms, ...distributions.map(curve)];
}

export class Chart {
  #plot = null;
  #runs = [];
  #dark = matchMedia("(prefers-color-scheme: dark)");
  #watch;

  constructor() {
    this.element = h("div", { className: "lab-chart", attrs: { role: "img" } });
    this.#watch = new ResizeObserver(() => this.#fit());
    this.#watch.observe(this.element);
    this.#dark.addEventListener("change", () => this.show(this.#runs));
  }

  /** Draw these runs {name, distribution}; their figures are in the table beside, for who can't see it. */
  show(runs) {
    this.#runs = runs;
    this.#plot?.destroy();
    this.#plot = null;
    const data = curvesOf(runs.map(({ distribution }) => distribution));
    this.element.hidden = data === null;
    if (data === null) return;
    this.element.setAttribute("aria-label", strings.lab.runs.chart_label(runs.map(({ name }) => name)));
    this.#plot = new globalThis.uPlot(this.#options(runs), data, this.element);
  }

  #options(runs) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    return {
      width: this.element.clientWidth || 600,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false, range: (_, low, high) => [Math.min(0, low), Math.max(high, 100)] }, y: { range: [0, 100] } },
      axes: [
        { ...axis, label: strings.lab.runs.axis_time, labelSize: 24 },
        { ...axis, label: strings.lab.runs.axis_share, labelSize: 24 },
      ],
      series: [
        {},
        ...runs.map(({ name }, index) => ({
          label: name,
          stroke: colour(COLOURS[index % COLOURS.length]),
          dash: DASHES[index % DASHES.length],
          width: 2,
          points: { show: false },
          paths: globalThis.uPlot.paths.stepped({ align: 1 }),
        })),
      ],
    };
  }

  #fit() {
    if (this.#plot && this.element.clientWidth > 0) this.#plot.setSize({ width: this.element.clientWidth, height: HEIGHT });
  }
}
