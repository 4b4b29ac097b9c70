/** The runs that were made: their figures side by side, their distributions, and the turns of one of them. */

import { strings } from "../strings.js";
import { button, h, section } from "../ui/dom.js";
import { ask } from "../ui/dialogs.js";
import { announce } from "../ui/announce.js";
import { Chart, COLOURS } from "./chart.js";
import { comparisonTable } from "./comparison_table.js";
import { Figures } from "./figures.js";
import { asReport, fileName } from "./report.js";
import { inMs, meanText, partsKey, percentileText, turnTable } from "./turn_table.js";
import { timelines } from "./timeline.js";
import { why } from "./turn_wait.js";

const words = strings.lab.runs;
const MOST_COMPARED = COLOURS.length;
const MEAN = "voice to voice, mean"; // as the server calls it
const NOT_YET = { times_ms: [], shares: [] };

export class RunsView {
  #store;
  #figures;
  #api;
  #chart = new Chart();
  #compared = new Set(); // ids
  #opened = null; // id of the run whose turns are shown
  #cells = new Map(); // id -> the cells of its figures
  #timelines = null; // of the run whose turns are shown

  /** `store` has the runs, `api` computes their figures. */
  constructor(store, api) {
    this.#store = store;
    this.#api = api;
    this.#figures = new Figures(store, api);
    this.#figures.onchange = () => this.#showFigures();
    this.body = h("div", { className: "lab-runs" });
    this.warnings = h("div", { className: "lab-run-turns", attrs: { role: "status" } });
    this.difference = h("div", { className: "lab-run-turns" });
    this.element = section(words.title, { className: "panel lab-panel" }, this.body);
    this.#compare(...store.runs.slice(-2));
    // Each run has an address: of this browser, which keeps it.
    this.#opened = runOf(location.hash);
    window.addEventListener("hashchange", () => {
      this.#opened = runOf(location.hash);
      if (this.#run(this.#opened)) this.#open(this.#opened);
      else this.show();
    });
    this.show();
  }

  /** Take a run that has just been made, and show it beside the one before. */
  add(run) {
    this.#store.put(run);
    this.#compare(run);
    this.#opened = run.id;
    this.show();
  }

  /** While a run goes on, the server computes nothing: that would be measured too. */
  set running(running) {
    this.#figures.paused = running;
  }

  /** Whether an address names a run that this browser does not have. */
  get #elsewhere() {
    return runOf(location.hash) !== null && !this.#run(runOf(location.hash));
  }

  #compare(...runs) {
    for (const { id } of runs) this.#compared.add(id);
    while (this.#compared.size > MOST_COMPARED) this.#compared.delete([...this.#compared][0]);
    this.#figures.baseline ??= runs[0]?.id ?? null;
  }

  /** Return a run as it is kept by now: the server's figures come later. */
  #run(id) {
    return this.#store.runs.find((run) => run.id === id);
  }

  /** Draw everything anew; the focus stays where it is by name. */
  show() {
    const { runs } = this.#store;
    const focused = document.activeElement?.dataset?.focus;
    // What plays would play on with nothing to stop it.
    this.#timelines?.close();
    this.#timelines = null;
    if (!this.#run(this.#figures.baseline)) this.#figures.baseline = runs[0]?.id ?? null;
    if (runs.length === 0) {
      const elsewhere = this.#elsewhere ? [h("p", { className: "lab-warning" }, words.elsewhere)] : [];
      this.body.replaceChildren(...elsewhere, h("p", { className: "hint" }, words.none));
      return;
    }
    const compared = runs.filter(({ id }) => this.#compared.has(id));
    this.body.replaceChildren(
      this.#table(runs, compared),
      this.warnings,
      h(
        "div",
        { className: "row" },
        button(words.clear, () => this.#clear(), { kind: "plain" }),
      ),
      compared.length > 0 ? h("h3", {}, words.distribution) : "",
      this.#chart.element,
      this.#turnsOf(this.#run(this.#opened)),
    );
    this.#figures.fetch();
    this.#showFigures();
    if (focused) this.body.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Show the figures that are there; what somebody may be writing stays as it is. */
  #showFigures() {
    const { runs } = this.#store;
    for (const run of runs) {
      const shown = [...figuresOf(run), this.#against(run.id)];
      const cells = this.#cells.get(run.id) ?? [];
      cells.forEach((cell, place) => cell.replaceChildren(...[shown[place]].flat()));
      cells[0]?.parentElement?.classList.toggle("lab-cut", (run.summary?.cut ?? 0) > 0);
    }
    this.warnings.replaceChildren(...this.#told());
    const compared = runs.filter(({ id }) => this.#compared.has(id));
    this.#chart.show(compared.map(({ name, distribution, without_cuts }) => ({ name, distribution: (without_cuts && distribution) || NOT_YET })));
    const found = this.#figures.against(this.#opened);
    const title = () => h("h3", {}, words.against_run(this.#run(this.#figures.baseline).name));
    this.difference.replaceChildren(...(found === null ? [] : [title(), ...comparisonTable(found)]));
  }

  /** Return what is wrong: figures that are missing, runs that are not kept. */
  #told() {
    const warning = (text) => h("p", { className: "lab-warning" }, text);
    const told = this.#store.kept ? [] : [warning(words.not_kept)];
    if (this.#elsewhere) told.push(warning(words.elsewhere));
    if (this.#figures.failed === null) return told;
    const { name, problem } = this.#figures.failed;
    const why = problem.status ? words.refused(name, problem.detail || problem.status) : words.no_server;
    const again = button(words.ask_again, () => this.#figures.fetch(), { kind: "plain" });
    return [...told, warning(why), h("div", { className: "row" }, again)];
  }

  #table(runs, compared) {
    const head = (text, className = "") => h("th", { scope: "col", className }, text);
    const number = (text) => head(text, "number");
    return h(
      "div",
      { className: "lab-scroll", tabIndex: 0, attrs: { role: "region" }, aria: { label: words.figures } },
      h(
        "table",
        {},
        h("caption", { className: "unseen" }, words.figures),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            head(words.compare),
            head(words.baseline),
            head(words.name),
            number(words.turns),
            number(words.cut),
            number(words.mean),
            number(words.p50),
            number(words.p95),
            number(words.after),
            number(words.against),
          ),
        ),
        h("tbody", {}, ...runs.map((run) => this.#row(run, compared))),
      ),
    );
  }

  #row(run, compared) {
    const place = compared.indexOf(run);
    const swatch = h("span", { className: "lab-patch", aria: { hidden: "true" } });
    if (place >= 0) swatch.style.background = `var(${COLOURS[place % COLOURS.length]})`;
    const check = h("input", {
      type: "checkbox",
      checked: place >= 0,
      disabled: place < 0 && this.#compared.size >= MOST_COMPARED,
      data: { focus: `compare-${run.id}` },
      aria: { label: words.compare_run(run.name) },
      on: { change: () => this.#toggle(run.id) },
    });
    const base = h("input", {
      type: "radio",
      name: "baseline",
      checked: run.id === this.#figures.baseline,
      data: { focus: `base-${run.id}` },
      aria: { label: words.baseline_run(run.name) },
      on: { change: () => this.#choose(run.id) },
    });
    const name = h("input", {
      type: "text",
      className: "lab-name",
      value: run.name,
      maxLength: 80,
      data: { focus: `name-${run.id}` },
      aria: { label: words.name_run(run.name) },
      on: { change: () => this.#rename(run.id, name.value) },
    });
    const act = (label, long, on_click, kind = "plain") =>
      button(label, on_click, { kind, aria: { label: long }, data: { focus: `${label}-${run.id}` } });
    const actions = h(
      "div",
      { className: "lab-actions" },
      act(words.turns_show, words.turns_of(run.name), () => this.#open(run.id)),
      act(words.export, words.export_run(run.name), () => save(this.#run(run.id))),
      act(words.remove, words.remove_run(run.name), () => this.#remove(run)),
    );
    const cells = ["", "", "lab-whole", "", "", "", ""].map((kind) => h("td", { className: `number ${kind}` }));
    this.#cells.set(run.id, cells);
    return h(
      "tr",
      { data: { run: run.id } },
      h("td", {}, h("span", { className: "lab-check" }, check, swatch)),
      h("td", {}, base),
      h("td", { className: "lab-run" }, name, h("p", { className: "hint" }, describe(run)), actions),
      ...cells,
    );
  }

  #against(id) {
    const found = this.#figures.against(id);
    if (found === null) return "-";
    if (!found.paired) return words.nothing_common;
    const { change, interval, verdict } = found.figures.find(({ name }) => name === MEAN);
    if (change === null) return "-";
    const withheld = verdict === "more turns cut" ? h("p", { className: "lab-worse" }, words.more_cut) : "";
    return [words.change(change), interval === null ? "" : h("p", { className: "hint" }, words.interval(...interval)), withheld];
  }

  #turnsOf(run) {
    if (!run) return "";
    this.#timelines = timelines(run, this.#api);
    const list = run.repeats.length > 1 ? words.last_repeat(run.repeats.length) : "";
    return h(
      "div",
      { className: "lab-run-turns" },
      h("h3", { tabIndex: -1, id: "lab-turns-title" }, words.turns_of(run.name)),
      list ? h("p", { className: "hint" }, list) : "",
      h("p", { className: "hint" }, words.address),
      partsKey(),
      turnTable(run.repeats.at(-1) ?? [], words.turns_of(run.name), { below: why }),
      this.difference,
      this.#timelines?.element,
      run.topics_told.length > 0 ? h("p", {}, words.told(run.topics_told)) : "",
      run.troubles.length > 0
        ? h("ul", { className: "lab-troubles" }, ...run.troubles.map((trouble) => h("li", {}, trouble)))
        : "",
    );
  }

  #toggle(id) {
    if (!this.#compared.delete(id)) this.#compared.add(id);
    this.show();
  }

  #choose(id) {
    this.#figures.baseline = id;
    this.show();
  }

  #open(id) {
    this.#opened = id;
    history.replaceState(null, "", addressOf(id));
    this.show();
    const title = this.body.querySelector("#lab-turns-title");
    title?.focus({ preventScroll: true });
    title?.scrollIntoView({ block: "nearest" });
  }

  #rename(id, name) {
    const run = this.#run(id);
    this.#store.put({ ...run, name: name.trim() || run.name });
    this.show();
  }

  async #remove(run) {
    if (!(await sure(words.remove_question(run.name), words.remove))) return;
    this.#store.remove(run.id);
    this.#compared.delete(run.id);
    announce(words.removed(run.name));
    this.show();
  }

  async #clear() {
    if (!(await sure(words.clear_question(this.#store.runs.length), words.clear))) return;
    this.#store.clear();
    this.#compared.clear();
    announce(words.none);
    this.show();
  }
}

const addressOf = (id) => `#run/${id}`;
const runOf = (hash) => (hash.startsWith("#run/") ? hash.slice("#run/".length) : null);

/** Return what the server computed of a run, as it stands in the table. */
function figuresOf({ summary, without_cuts }) {
  if (!summary || !without_cuts) return ["-", "-", "-", "-", "-", "-"];
  const { turns, answered_once, cut, voice_to_voice_ms, after_endpoint_ms } = summary;
  const { n, p50, p95 } = voice_to_voice_ms;
  return [
    words.answered(answered_once, turns),
    cut > 0 ? words.cut_of(cut, turns) : "0",
    meanText(voice_to_voice_ms),
    percentileText(p50, n),
    percentileText(p95, n),
    percentileText(after_endpoint_ms.p50, n),
  ];
}

function describe(run) {
  const { about } = run;
  return [
    about.date.replace("T", " ").slice(0, 16),
    about.transport,
    waitOf(about.fixed_wait_ms),
    words.recordings(about.recordings.length),
    run.repeats.length > 1 ? words.repeats(run.repeats.length) : "",
    run.stopped ? words.stopped : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Return how turns are taken, in words: judged, or after a fixed silence. */
export const waitOf = (fixed_wait_ms) => (fixed_wait_ms === null ? words.judged : words.fixed(fixed_wait_ms));

async function sure(title, label) {
  const choices = [
    { value: "yes", label, kind: "danger" },
    { value: "no", label: words.keep, kind: "plain" },
  ];
  return (await ask({ title, body: words.for_good, choices, on_escape: "no", role: "alertdialog" })) === "yes";
}

function save(run) {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(asReport(run), null, 2)}\n`], { type: "application/json" }));
  const link = h("a", { href: url, download: fileName(run) });
  link.click();
  // The browser reads the link's address only after this task.
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
