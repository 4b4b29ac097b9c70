/** The figures of the runs: the server computes them, a run keeps its own, and the page keeps the comparisons. */

import { Problem } from "../core/problems.js";
import { forFigures } from "./report.js";

const pair = (id, baseline) => `${id} ${baseline}`;

export class Figures {
  #store;
  #api;
  #comparisons = new Map(); // by pair of runs
  #asking = false;
  #paused = false;

  constructor(store, api) {
    this.#store = store;
    this.#api = api;
    this.baseline = null; // id of the run that the others are compared with
    this.failed = null; // {name, problem} of the run whose figures the server did not give
    this.onchange = () => {};
  }

  /** While a run measures, the server is asked for nothing else. */
  set paused(paused) {
    this.#paused = paused;
    if (!paused) this.fetch();
  }

  /** Return how a run differs from the baseline, as `interlocutor replay --baseline` writes it; null if not known. */
  against(id) {
    return this.#comparisons.get(pair(id, this.baseline)) ?? null;
  }

  /** Ask the server for what is missing, one thing after another; what failed is asked for anew. */
  async fetch() {
    if (this.#asking) return;
    this.#asking = true;
    this.failed = null;
    let next = this.#next();
    try {
      for (; next !== null; next = this.#next()) {
        await next.ask();
        this.onchange();
      }
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.failed = { name: next.run.name, problem };
      this.onchange();
    } finally {
      this.#asking = false;
    }
  }

  /** Return what to ask for next, {run, ask}, or null. */
  #next() {
    if (this.#paused) return null;
    const { runs } = this.#store;
    // Figures of an earlier version counted cut-ins as answers: they are asked for again.
    const bare = runs.find(({ summary, without_cuts }) => !summary || !without_cuts);
    if (bare) return { run: bare, ask: () => this.#summarise(bare) };
    const baseline = runs.find(({ id }) => id === this.baseline);
    const run = baseline && runs.find(({ id }) => id !== this.baseline && this.against(id) === null);
    return run ? { run, ask: () => this.#compare(run, baseline) } : null;
  }

  async #summarise(run) {
    const found = await this.#api.summary(forFigures(run));
    // By now it may have another name, or be gone.
    const kept = this.#store.runs.find(({ id }) => id === run.id);
    if (kept) this.#store.put({ ...kept, ...found, without_cuts: true });
  }

  async #compare(run, baseline) {
    this.#comparisons.set(pair(run.id, baseline.id), await this.#api.comparison(forFigures(run), forFigures(baseline)));
  }
}
