/** A word of one's own that was not heard clearly: a button that asks what was said, and shows it from then on. */

import { strings } from "../strings.js";
import { ask } from "./dialogs.js";
import { freshId, h, setText } from "./dom.js";

const words = strings.correction;

/** Return the element of a word as it was heard; `kept` is what was written for it, or null; `on_keep(text)` keeps more. */
export function correctableWord(heard, kept, on_keep, { className = "", ...props } = {}) {
  const shown = h("span", {});
  const remark = h("span", { className: "unseen" });
  const show = (text) => {
    setText(shown, text ?? heard);
    setText(remark, ` (${text === null ? strings.talk.unclear : words.corrected})`);
    element.classList.toggle("word-unclear", text === null);
    element.classList.toggle("word-corrected", text !== null);
    element.title = text === null ? strings.talk.unclear : words.corrected;
  };
  const correct = async () => {
    const input = h("input", { type: "text", id: freshId("words"), value: kept ?? heard, maxLength: 80, autocomplete: "off" });
    const label = h("label", { htmlFor: input.id }, words.label);
    const chosen = await ask({
      title: words.title,
      body: words.lead(heard),
      extra: [h("p", { className: "field" }, label, input)],
      choices: [
        { value: "keep", label: words.keep, kind: "primary" },
        ...(kept === null ? [] : [{ value: "reset", label: words.reset, kind: "secondary" }]),
        { value: "cancel", label: words.cancel, kind: "plain" },
      ],
      on_escape: "cancel",
    });
    if (chosen === "cancel") return;
    const text = chosen === "keep" ? input.value.trim() : "";
    kept = text === "" || text === heard ? null : text;
    on_keep(kept ?? "");
    show(kept);
  };
  const element = h("button", { type: "button", className: `${className} word-button`, on: { click: correct }, ...props }, shown, remark);
  element.setAttribute("aria-haspopup", "dialog");
  show(kept);
  return element;
}
