/** Notes beside a role-play: write one, set a bookmark, raise an incident; and all that there are. */

import { formatElapsed } from "../core/clock.js";
import { announce } from "../ui/announce.js";
import { button, freshId, h, section, setText } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.notes;
// As many as anybody looks through; the others come when they are asked for.
const SHOWN = 100;

export class NotesView {
  #book;
  #keys;
  #at_ms;
  #began_ms = null; // the moment that the note under way is about
  #rows = new Map();
  #shown = SHOWN;

  /** `at_ms()` is the moment that is heard or said now; `when` is live or past; `on_play(at_ms)`, where there is a recording to play. */
  constructor({ book, keys, at_ms, when, on_play = null }) {
    this.#book = book;
    this.#keys = keys;
    this.#at_ms = at_ms;
    this.on_play = on_play;
    const id = freshId("note");
    this.moment = h("span", { className: "note-moment" });
    this.field = h("textarea", {
      id,
      className: "note-field",
      maxLength: 2000,
      rows: 2,
      on: {
        focus: () => this.#begin(),
        keydown: (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && this.#keep("note"),
      },
    });
    this.list = h("ol", { className: "note-list" });
    this.empty = h("p", { className: "hint" }, words.none);
    this.status = h("p", { className: "hint" });
    this.more = button("", () => this.#showMore(), { kind: "quiet", hidden: true });
    const switch_keys = h("input", { type: "checkbox", checked: keys.on, on: { change: () => (keys.on = switch_keys.checked) } });
    this.element = section(
      words.title,
      { className: "panel panel-notebook" },
      h("label", { htmlFor: id }, words.write, " ", this.moment),
      this.field,
      h(
        "div",
        { className: "row" },
        button(words.add, () => this.#keep("note"), { kind: "primary" }),
        button(words.bookmark, () => this.bookmark(), { kind: "secondary" }),
        button(words.incident, () => this.incident(), { kind: "secondary" }),
      ),
      this.status,
      this.empty,
      this.list,
      this.more,
      h("label", { className: "key-switch" }, switch_keys, h("span", {}, words.keys)),
      h("p", { className: "hint" }, words.keys_hints[when]),
    );
    book.onchange = () => this.show();
    book.onrefused = () => this.#say(words.refused);
    this.show();
  }

  /** Write a note about this very moment. */
  write() {
    this.#began_ms = this.#at_ms();
    this.field.focus();
  }

  /** Whether somebody is writing a note. */
  get writing() {
    return this.field.value.trim() !== "" || document.activeElement === this.field;
  }

  /** Mark this moment. */
  bookmark() {
    this.#book.write("bookmark", this.#at_ms());
    this.#say(`${words.kinds.bookmark} ${formatElapsed(this.#at_ms())}`);
  }

  /** Raise an incident: with what is in the field, or after it was asked for. */
  incident() {
    if (this.field.value.trim()) {
      this.#keep("incident");
      return;
    }
    this.write();
    this.#say(words.incident_ask);
  }

  /** Show what there is. */
  show() {
    const { notes, unsent } = this.#book;
    const shown = notes.slice(-this.#shown);
    const kept = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    shown.forEach((note, index) => {
      let row = this.#rows.get(note.id);
      if (!row || row.dataset.unsent !== String(Boolean(note.unsent)) || row.dataset.playable !== String(Boolean(this.on_play))) {
        row?.remove();
        row = this.#row(note);
        this.#rows.set(note.id, row);
      }
      if (this.list.children[index] !== row) this.list.insertBefore(row, this.list.children[index] ?? null);
    });
    this.empty.hidden = notes.length > 0;
    this.more.hidden = notes.length <= shown.length;
    setText(this.more, words.show_all(notes.length));
    if (unsent > 0) setText(this.status, words.unsent(unsent));
    else if (this.status.textContent.startsWith(words.unsent(1).slice(0, 1)) && /server/.test(this.status.textContent)) setText(this.status, words.kept);
  }

  #row(note) {
    const time = formatElapsed(note.at_ms);
    const place = this.on_play
      ? button(time, () => this.on_play(note.at_ms), { kind: "time", aria: { label: words.play(time) } })
      : h("span", { className: "note-time" }, time);
    return h(
      "li",
      { className: `note note-${note.kind}`, data: { unsent: String(Boolean(note.unsent)), playable: String(Boolean(this.on_play)) } },
      place,
      h(
        "p",
        { className: "note-text" },
        h("strong", {}, words.kinds[note.kind]),
        note.own ? "" : ` ${words.by(note.author)}`,
        note.text ? `: ${note.text}` : "",
      ),
      note.own ? button(words.withdraw, () => this.#withdraw(note), { kind: "quiet", aria: { label: words.withdraw_at(time) } }) : null,
    );
  }

  #withdraw(note) {
    this.#book.write("withdrawn", note.at_ms, "", note.id);
    this.field.focus();
  }

  #begin() {
    if (!this.field.value) this.#began_ms ??= this.#at_ms();
    setText(this.moment, this.#began_ms === null ? "" : words.at(formatElapsed(this.#began_ms)));
  }

  #keep(kind) {
    const text = this.field.value.trim();
    if (!text) {
      this.write();
      return;
    }
    this.#book.write(kind, this.#began_ms ?? this.#at_ms(), text);
    this.field.value = "";
    this.#began_ms = null;
    setText(this.moment, "");
    this.field.blur();
    this.#say(words.kept);
  }

  #showMore() {
    this.#shown = Infinity;
    this.show();
    this.list.querySelector("button")?.focus();
  }

  #say(text) {
    setText(this.status, text);
    announce(text);
  }
}
