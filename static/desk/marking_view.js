/** Marking a role-play: nine criteria, each with its evidence; and the outcome once it may be seen. */

import { formatElapsed } from "../core/clock.js";
import { announce } from "../ui/announce.js";
import { ask } from "../ui/dialogs.js";
import { button, freshId, h, section, setText } from "../ui/dom.js";
import { save } from "../ui/saving.js";
import { MarkSheet, stretchAt } from "./mark_sheet.js";
import { outcomeParts, stretchOfEvidence } from "./outcome_view.js";
import { words as all } from "./strings.js";

const words = all.marking;
const SAVE_AFTER_MS = 1500;

export class MarkingView {
  #api;
  #sheet = new MarkSheet();
  #rows = new Map();
  #timer = 0;
  #saving = Promise.resolve();

  /** `api` has marks(), saveMarks(body), marksTable() and `report_address`; `listener` plays the recording, `turns` are what was said, `picked` the stretch that was picked of it. Without `may_mark` it shows the outcome alone. */
  constructor({ api, listener, turns, picked, may_mark = true }) {
    this.#api = api;
    this.listener = listener;
    this.picked = picked;
    this.may_mark = may_mark;
    this.turns = turns;
    this.status = h("p", { className: "hint" });
    this.rows = h("div", { className: "criteria" });
    this.comment = h("textarea", {
      id: freshId("comment"),
      maxLength: 4000,
      rows: 2,
      on: { input: () => this.#change(() => this.#sheet.setComment(this.comment.value)) },
    });
    this.for_candidate = h("textarea", {
      id: freshId("for-candidate"),
      maxLength: 4000,
      rows: 2,
      on: { input: () => this.#change(() => this.#sheet.setForCandidate(this.for_candidate.value)) },
    });
    this.sign = button(words.sign, () => this.#sign(), { kind: "primary" });
    this.form = h(
      "div",
      { className: "marks-form", hidden: true },
      this.rows,
      h("label", { htmlFor: this.comment.id }, words.comment),
      this.comment,
      h("label", { htmlFor: this.for_candidate.id }, words.for_candidate),
      this.for_candidate,
      h("div", { className: "row" }, this.sign),
    );
    this.lead = h("p", { className: "hint" }, words.lead);
    this.outcome = h("div", { className: "outcome" });
    this.element = section(words.title, { className: "panel panel-marking" }, this.lead, this.status, this.form, this.outcome);
    this.#load();
  }

  /** Let the buttons say what they add: the stretch that was picked, or what is heard now. */
  showPicked() {
    for (const { add, name } of this.#rows.values()) {
      const { whole, from_ms, to_ms } = this.picked;
      const label = whole ? words.add_picked(from_ms, to_ms) : words.add_evidence;
      setText(add, label);
      add.setAttribute("aria-label", words.add_to(label, name));
    }
  }

  close() {
    clearTimeout(this.#timer);
    if (this.#sheet.changed) this.#save("draft");
  }

  async #load() {
    try {
      this.#sheet.take(await this.#api.marks());
    } catch (problem) {
      setText(this.status, problem.status === 403 ? words.not_allowed : words.failed);
      return;
    }
    for (const criterion of this.#sheet.criteria) this.#addRow(criterion);
    this.showPicked();
    this.comment.value = this.#sheet.comment;
    this.for_candidate.value = this.#sheet.for_candidate;
    this.form.hidden = !this.may_mark;
    this.lead.hidden = !this.may_mark;
    this.#show();
  }

  #addRow(criterion) {
    const { id, name, most, kind, indicators } = criterion;
    const mark = this.#sheet.marks[id];
    const group = freshId("mark");
    const choices = Array.from({ length: most + 1 }, (_, value) => {
      const input = h("input", {
        type: "radio",
        name: group,
        value: String(value),
        checked: mark.mark === value,
        on: { change: () => this.#change(() => this.#sheet.set(id, { mark: value })) },
      });
      return h("label", { className: "mark-choice" }, input, h("span", {}, String(value)));
    });
    const checks = indicators.map(({ id: indicator, text }) => {
      const box = h("input", {
        type: "checkbox",
        checked: mark.indicators.includes(indicator),
        on: {
          change: () =>
            this.#change(() => {
              const others = this.#sheet.marks[id].indicators.filter((one) => one !== indicator);
              this.#sheet.set(id, { indicators: box.checked ? [...others, indicator].sort() : others });
            }),
        },
      });
      return h("label", { className: "indicator" }, box, h("span", {}, `${indicator}: ${text}`));
    });
    const note = h("textarea", {
      id: freshId("note"),
      maxLength: 2000,
      rows: 2,
      value: mark.note,
      on: { input: () => this.#change(() => this.#sheet.set(id, { note: note.value })) },
    });
    const evidence = h("ul", { className: "evidence-list" });
    const add = button(words.add_evidence, () => this.#addEvidence(id), { kind: "secondary", aria: { label: words.add_to(words.add_evidence, name) } });
    this.rows.append(
      h(
        "fieldset",
        { className: "criterion" },
        h("legend", {}, name, " ", h("span", { className: "hint" }, words.scale[kind](most))),
        h("div", { className: "mark-choices" }, ...choices),
        evidence,
        add,
        h(
          "details",
          {},
          h("summary", {}, checks.length > 0 ? words.more_with_indicators : words.more),
          ...checks,
          h("label", { htmlFor: note.id }, words.note),
          note,
        ),
      ),
    );
    this.#rows.set(id, { evidence, add, name });
    this.#showEvidence(id);
  }

  #addEvidence(id) {
    const stretch = this.picked.stretch ?? stretchAt(this.turns, this.listener.at_ms);
    const name = this.#rows.get(id).name;
    if (!this.#sheet.addEvidence(id, stretch)) {
      this.#say(words.not_added);
      return;
    }
    this.#showEvidence(id);
    this.#change(() => {});
    announce(words.added(name, formatElapsed(stretch.from_ms)));
  }

  #showEvidence(id) {
    const { evidence, name } = this.#rows.get(id);
    evidence.replaceChildren(
      ...this.#sheet.marks[id].evidence.map((stretch, index) => {
        const time = `${formatElapsed(stretch.from_ms)} - ${formatElapsed(stretch.to_ms)}`;
        return h(
          "li",
          {},
          ...stretchOfEvidence(stretch, this.listener),
          button(
            words.remove,
            () => {
              this.#change(() => this.#sheet.removeEvidence(id, index));
              this.#showEvidence(id);
            },
            { kind: "quiet", aria: { label: words.remove_from(name, time) } },
          ),
        );
      }),
    );
  }

  #change(make) {
    make();
    setText(this.status, words.unsaved);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save("draft"), SAVE_AFTER_MS);
  }

  async #sign() {
    const { lacks } = this.#sheet;
    if (lacks.length > 0) {
      this.#say(words.lacks(lacks[0]));
      return;
    }
    const chosen = await ask({
      title: words.sign_question,
      body: words.sign_detail,
      choices: [
        { value: "sign", label: words.sign_yes, kind: "primary" },
        { value: "stay", label: words.sign_no, kind: "plain" },
      ],
      on_escape: "stay",
    });
    if (chosen === "sign") await this.#save("signed");
  }

  /** Save after what is being saved: sheets have numbers, and each follows the one before. */
  #save(state) {
    clearTimeout(this.#timer);
    this.#saving = this.#saving.then(() => this.#send(state));
    return this.#saving;
  }

  async #send(state) {
    const body = structuredClone(this.#sheet.body(state));
    const before = this.#sheet.changed;
    this.#sheet.changed = false;
    try {
      this.#sheet.take(await this.#api.saveMarks(body));
      this.#say(state === "signed" ? words.signed : words.saved);
      this.#show();
    } catch (problem) {
      this.#sheet.changed = before;
      this.#say(problem.status === 409 ? words.stale : problem.detail || words.not_saved);
    }
  }

  #show() {
    const { outcome, criteria, state, signed } = this.#sheet;
    if (!this.status.textContent && signed) setText(this.status, state === "signed" ? words.signed : words.changed_since);
    setText(this.sign, signed ? words.sign_again : words.sign);
    if (outcome.sheets.length === 0) {
      this.outcome.replaceChildren(h("p", { className: "hint" }, this.may_mark ? words.blind : words.unmarkable));
      return;
    }
    this.outcome.replaceChildren(
      ...outcomeParts({ outcome, criteria, listener: this.listener }),
      h("p", { className: "hint" }, words.no_band),
      h(
        "div",
        { className: "row" },
        button(words.table, () => this.#download(), { kind: "secondary" }),
        outcome.state === "decided" ? h("a", { className: "button button-secondary", href: this.#api.report_address }, words.report) : null,
      ),
    );
  }

  async #download() {
    save(await this.#api.marksTable());
  }

  #say(text) {
    setText(this.status, text);
    announce(text);
  }
}
