/** Dialogs: a problem and what to do about it, or a question. Focus stays inside, and returns when they close. */

import { strings } from "../strings.js";
import { addressBar } from "./address_bar.js";
import { button, freshId, h, setText } from "./dom.js";

const open_dialogs = new Set(); // functions that answer for the person

/**
 * Show a dialog and resolve with the value of the button that was chosen.
 *
 * `choices` are {value, label, kind}; Escape chooses `on_escape`. `extra` are further elements. Where `until` resolves first,
 * the dialog closes with its value.
 */
export function ask({ title, body, choices, on_escape, extra = [], role = "dialog", until = null }) {
  const title_id = freshId("title");
  const body_id = freshId("body");
  return new Promise((resolve) => {
    const dismiss = () => done(on_escape);
    const done = (value) => {
      open_dialogs.delete(dismiss);
      dialog.close();
      dialog.remove();
      resolve(value);
    };
    const buttons = choices.map(({ value, label, kind }) => button(label, () => done(value), { kind }));
    const dialog = h(
      "dialog",
      { className: "dialog", attrs: { role }, aria: { labelledby: title_id, describedby: body_id } },
      h("h2", { id: title_id }, title),
      h("p", { id: body_id }, body),
      ...extra,
      h("div", { className: "dialog-buttons" }, ...buttons),
    );
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      dismiss();
    });
    open_dialogs.add(dismiss);
    until?.then(done);
    document.body.append(dialog);
    dialog.showModal();
    buttons[0]?.focus();
  });
}

/** Ask a question, {question, detail, yes, no}; resolve to whether the answer is yes. Escape says no. */
export async function agrees({ question, detail, yes, no }) {
  const choices = [
    { value: "yes", label: yes, kind: "danger" },
    { value: "no", label: no, kind: "plain" },
  ];
  return (await ask({ title: question, body: detail, choices, on_escape: "no" })) === "yes";
}

/** Close every dialog as Escape would: what it asked about is over. */
export function closeDialogs() {
  for (const dismiss of [...open_dialogs]) dismiss();
}

/** Show a problem; resolve with the value of the choice taken ("retry", or a value of `others`). */
export async function showProblem(problem, { retry = true, others = [] } = {}) {
  const words = strings.problems[problem.code] ?? strings.problems["server.failed"];
  const choices = [];
  if (retry) choices.push({ value: "retry", label: strings.problems.retry, kind: "primary" });
  choices.push(...others);
  if (choices.length === 0) choices.push({ value: "close", label: strings.problems.close, kind: "primary" });
  const waiting = problem.retry_after_s === null ? null : h("p", { className: "dialog-wait" });
  const stop = waiting ? countDown(waiting, problem.retry_after_s) : () => {};
  const chosen = await ask({
    title: words.title,
    body: words.body,
    choices,
    on_escape: choices.at(-1).value,
    extra: [waiting, problem.code === "microphone.denied" ? addressBar() : null].filter(Boolean),
    role: "alertdialog",
  });
  stop();
  return chosen;
}

function countDown(element, from_s) {
  const ends_ms = performance.now() + from_s * 1000;
  const show = () => {
    const left_s = Math.ceil((ends_ms - performance.now()) / 1000);
    setText(element, left_s > 0 ? strings.problems.retry_in(left_s) : strings.problems.retry_now);
    if (left_s <= 0) clearInterval(timer);
  };
  const timer = setInterval(show, 500);
  show();
  return () => clearInterval(timer);
}
