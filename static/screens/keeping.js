/** What is kept of a role-play: to be saved, or deleted. */

import { deleteRecord } from "../net/record_api.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { ask } from "../ui/dialogs.js";
import { button, h, section, setText } from "../ui/dom.js";

const words = strings.debrief;

/**
 * Return {element, saves(blob), close} of the panel; the recording can be saved once `saves` was given it.
 * `on_deleted()` is called when everything was deleted; what is left of an exam is not the candidate's to delete.
 * `kept` is {practice_days, exam_days}, how long this server keeps records.
 */
export function keepingPanel({ session, mode, kept, on_deleted }) {
  const urls = [];
  const status = h("p", { className: "hint", attrs: { role: "status" } });
  const row = h("div", { className: "row" });

  const link = (blob, file, text) => {
    const url = URL.createObjectURL(blob);
    urls.push(url);
    return h("a", { className: "button button-secondary", href: url, download: file }, text);
  };
  const remove = mode === "exam" ? h("p", { className: "hint" }, words.keeping_exam) : removal(session, status, on_deleted);
  const title = mode === "exam" ? words.keeping_exam_title : words.keeping;
  const days = mode === "exam" ? kept.exam_days : kept.practice_days;
  const hint = h("p", { className: "hint" }, `${words.kept(days)} ${words.keeping_hint}`);
  const element = section(title, { className: "panel panel-keeping" }, hint, row, remove, status);
  return {
    element,
    saves: (blob) => row.prepend(link(blob, words.recording_file(session.card.id), words.recording_save)),
    close: () => urls.forEach((url) => URL.revokeObjectURL(url)),
  };
}

/** Return the button that deletes everything, once it was asked for twice. */
function removal(session, status, on_deleted) {
  return button(
    words.delete,
    async () => {
      const chosen = await ask({
        title: words.delete_question,
        body: words.delete_detail,
        choices: [
          { value: "keep", label: words.delete_no, kind: "plain" },
          { value: "delete", label: words.delete_yes, kind: "danger" },
        ],
        on_escape: "keep",
      });
      if (chosen !== "delete") return;
      try {
        await deleteRecord(session);
      } catch {
        setText(status, words.not_deleted);
        return;
      }
      on_deleted();
      announce(words.deleted);
    },
    { kind: "quiet" },
  );
}
