/** What to run and how: recordings of the server or dropped ones, card, transport, turn-taking, repeats, a name. */

import { strings } from "../strings.js";
import { button, freshId, h, section, setText } from "../ui/dom.js";
import { OfServer, recordingsOf } from "./recordings.js";

const words = strings.lab.setup;
const SILENCE_MS = [200, 5000]; // what the protocol lets developers set
const MOST_REPEATS = 50;
const inMegabytes = (bytes) => (bytes < 100_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`);

function field(label, control, hint = null) {
  control.id ||= freshId("field");
  const note = hint ? h("p", { className: "hint", id: freshId("hint") }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { className: "lab-field" }, h("label", { htmlFor: control.id }, label), control, note);
}

function tick(label, checked = false) {
  const input = h("input", { type: "checkbox", checked });
  return { input, element: h("label", { className: "lab-tick" }, input, h("span", {}, label)) };
}

export class SetupView {
  #overview;
  #dropped = new Map(); // id -> OfFile
  #chosen = new Set(); // ids
  #listed;

  /** `overview` as the server gave it, `cards`, `transports` [{id, name}]; `on_run(recordings, options)`, `on_stop()`. */
  constructor({ overview, cards, transports, on_run, on_stop }) {
    this.#overview = overview;
    this.#listed = overview.recordings.map((recording) => new OfServer(recording));
    const option = (value, label) => h("option", { value }, label);
    this.filter = h("input", { type: "search", on: { input: () => this.#showList() } });
    this.list = h("div", { className: "lab-list", attrs: { role: "group" }, aria: { label: words.recordings } });
    this.count = h("p", { className: "hint", attrs: { role: "status" } });
    this.files = h("input", { type: "file", multiple: true, accept: "audio/*,.flac,.wav,.ogg,.opus,.mp3,.m4a,.yaml" });
    this.folder = h("input", { type: "file", webkitdirectory: true });
    for (const input of [this.files, this.folder]) {
      input.className = "unseen";
      input.tabIndex = -1;
      input.setAttribute("aria-hidden", "true");
      input.addEventListener("change", async () => {
        this.add(await recordingsOf(input));
        input.value = "";
      });
    }
    this.card = h("select", {}, option("", words.card_of_truth), ...cards.map(({ id, title }) => option(id, title)));
    this.transport = h("select", {}, ...transports.map(({ id, name }) => option(id, name)));
    this.silence = h("input", { type: "number", min: SILENCE_MS[0], max: SILENCE_MS[1], step: 10 });
    this.repeats = h("input", { type: "number", min: 1, max: MOST_REPEATS, value: 1, required: true });
    this.name = h("input", { type: "text", maxLength: 80, placeholder: words.name_hint });
    this.as_recorded = tick(words.as_recorded);
    this.listen = tick(words.listen);
    this.run = button(words.run, () => this.#start(on_run), { kind: "primary" });
    this.stop = button(words.stop, on_stop, { kind: "plain", hidden: true });
    this.fault = h("p", { className: "lab-fault", attrs: { role: "alert" } });
    this.form = h("form", { noValidate: true, on: { submit: (event) => event.preventDefault() } }, ...this.#fields());
    this.element = section(words.title, { className: "panel lab-panel lab-setup" }, this.form);
    this.cards = cards;
    this.#showList();
  }

  #fields() {
    const judged = this.#overview.fixed_wait_ms;
    const drop = h(
      "div",
      {
        className: "lab-drop",
        on: {
          dragover: (event) => {
            event.preventDefault();
            drop.dataset.over = "true";
          },
          dragleave: () => delete drop.dataset.over,
          drop: async (event) => {
            event.preventDefault();
            delete drop.dataset.over;
            this.add(await recordingsOf(event.dataTransfer));
          },
        },
      },
      h("p", {}, words.drop),
      h(
        "div",
        { className: "row" },
        button(words.files, () => this.files.click()),
        button(words.folder, () => this.folder.click()),
        this.files,
        this.folder,
      ),
      h("p", { className: "hint" }, words.limits),
    );
    return [
      h(
        "div",
        { className: "lab-columns" },
        h(
          "div",
          { className: "lab-sources" },
          this.#listed.length > 0 ? field(words.filter, this.filter) : null,
          this.list,
          this.count,
          drop,
        ),
        h(
          "div",
          { className: "lab-options" },
          field(words.card, this.card),
          field(words.transport, this.transport),
          field(
            words.silence,
            this.silence,
            judged === null ? words.silence_judged : words.silence_fixed(judged),
          ),
          field(words.repeats, this.repeats, words.repeats_hint),
          this.as_recorded.element,
          this.listen.element,
          field(words.name, this.name),
          this.fault,
          h("div", { className: "row" }, this.run, this.stop),
        ),
      ),
    ];
  }

  /** Take recordings that were dropped; they are chosen at once. */
  add(recordings) {
    for (const recording of recordings) {
      this.#dropped.set(recording.id, recording);
      this.#chosen.add(recording.id);
    }
    this.#showList();
    if (recordings.length === 0) setText(this.count, words.no_recordings);
  }

  /** While something runs, only stopping is possible. */
  set running(running) {
    this.run.hidden = running;
    this.stop.hidden = !running;
    for (const control of this.form.querySelectorAll("input, select, .lab-drop button")) control.disabled = running;
    (running ? this.stop : this.run).focus();
  }

  get #all() {
    return [...this.#dropped.values(), ...this.#listed];
  }

  #showList() {
    const wanted = this.filter.value.trim().toLowerCase();
    const shown = this.#all.filter(({ name }) => name.toLowerCase().includes(wanted));
    const groups = new Map();
    for (const recording of shown) {
      const folder = recording.id.startsWith("file:") ? words.dropped : recording.name.split("/").slice(0, -1).join("/");
      groups.set(folder, [...(groups.get(folder) ?? []), recording]);
    }
    this.list.replaceChildren(
      ...[...groups].flatMap(([folder, recordings]) => [this.#group(folder, recordings), ...recordings.map((each) => this.#item(each))]),
    );
    this.list.hidden = this.#all.length === 0;
    this.#showCount();
  }

  #group(folder, recordings) {
    const all = recordings.every(({ id }) => this.#chosen.has(id));
    const { input, element } = tick(folder || words.top, all);
    element.classList.add("lab-folder");
    input.addEventListener("change", () => {
      for (const { id } of recordings) input.checked ? this.#chosen.add(id) : this.#chosen.delete(id);
      this.#showList();
    });
    return element;
  }

  #item(recording) {
    const { input, element } = tick(recording.name.split("/").at(-1), this.#chosen.has(recording.id));
    const { id, bytes, has_truth } = recording;
    element.append(h("span", { className: "hint" }, words.item(inMegabytes(bytes), has_truth)));
    input.addEventListener("change", () => {
      if (input.checked) this.#chosen.add(id);
      else this.#chosen.delete(id);
      this.#showCount();
    });
    return element;
  }

  #showCount() {
    setText(this.count, words.count(this.#chosen.size));
  }

  #start(on_run) {
    const recordings = this.#all.filter(({ id }) => this.#chosen.has(id));
    const faulty = [this.silence, this.repeats].find((input) => !input.checkValidity());
    setText(this.fault, recordings.length === 0 ? words.choose_one : faulty ? words.number(faulty.min, faulty.max) : "");
    if (recordings.length === 0) return this.list.querySelector("input")?.focus();
    if (faulty) return faulty.focus();
    return on_run(recordings, {
      card: this.card.value || null,
      other_card: this.cards[0]?.id ?? "",
      transport: this.transport.value,
      silence_ms: this.silence.value === "" ? null : Number(this.silence.value),
      repeats: Number(this.repeats.value),
      as_recorded: this.as_recorded.input.checked,
      listen: this.listen.input.checked,
      name: this.name.value.trim(),
    });
  }
}
