/** What somebody sees who may not use the desk yet: the way to log in, or a key. */

import { at } from "../core/base_path.js";
import { button, freshId, h, setText } from "../ui/dom.js";
import { words as all } from "./strings.js";

const words = all.gate;

/** Return the screen; `on_key(key)` resolves to whether the server took it. */
export function gateScreen({ person, on_key }) {
  const id = freshId("key");
  const status = h("p", { className: "form-status", attrs: { role: "alert" } });
  const field = h("input", { id, type: "password", autocomplete: "off", required: true });
  const form = h(
    "form",
    {
      className: "form",
      on: {
        submit: async (event) => {
          event.preventDefault();
          setText(status, "");
          if (!(await on_key(field.value))) setText(status, words.wrong);
        },
      },
    },
    h("div", { className: "field" }, h("label", { htmlFor: id }, words.key), field, h("p", { className: "hint" }, words.hint)),
    status,
    h("div", { className: "row" }, h("button", { type: "submit", className: "button button-secondary" }, words.open)),
  );
  const log_in = person ? null : h("div", { className: "row" }, button(words.log_in, () => location.assign(at("/login?next=/desk")), { kind: "primary" }));
  return {
    element: h(
      "div",
      { className: "screen screen-account" },
      h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, all.title), h("p", {}, person ? words.not_allowed : words.lead)),
      log_in,
      form,
    ),
    title: all.title,
  };
}
