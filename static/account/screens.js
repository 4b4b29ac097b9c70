/** The screens of the account page. Every form tells at its own place what is wrong, and keeps what was typed. */

import { at } from "../core/base_path.js";
import { samePasswords } from "../core/account.js";
import { strings } from "../strings.js";
import { button, freshId, h, section, setText } from "../ui/dom.js";

const words = strings.account;

/**
 * Return the screen on which somebody logs in; `on_log_in(login, password)` rejects with a Problem.
 *
 * `sign_on` is {label, address} of where they may log in instead, or null; `problem` is what to say of having tried, or "".
 */
export function logInScreen({ on_log_in, sign_on = null, problem = "" }) {
  const login = field(words.login, { name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: false });
  const password = field(words.password, { type: "password", name: "password", autocomplete: "current-password" });
  const form = formOf([login, password], words.log_in, () => on_log_in(login.input.value, password.input.value));
  const elsewhere = [];
  if (problem) elsewhere.push(h("p", { className: "form-status", attrs: { role: "alert" } }, problem));
  if (sign_on) {
    const link = h("a", { href: sign_on.address, className: "button button-primary" }, words.sign_on(sign_on.label));
    elsewhere.push(h("div", { className: "row" }, link), h("p", {}, words.sign_on_or));
  }
  return screen(words.title, words.lead, ...elsewhere, form, h("p", { className: "hint" }, words.forgotten));
}

/** Return the screen on which `person` {login, name} sets a password; `on_set(password)` rejects with a Problem. */
export function passwordScreen({ person, on_set }) {
  // Password managers look for the name beside the new password.
  const login = field(words.login, { name: "username", autocomplete: "username", value: person.login, readOnly: true });
  const fields = newPassword();
  const form = formOf([login, ...fields], words.set_password, () => on_set(agreed(fields)));
  return screen(words.welcome(person.name), words.welcome_lead, form);
}

/** Return the screen of somebody who is logged in. */
export function yourAccountScreen({ person, on_go, on_change, on_log_out }) {
  const old = field(words.old_password, { type: "password", name: "password", autocomplete: "current-password" });
  const fields = newPassword();
  const form = formOf([old, ...fields], words.change_password, async () => {
    await on_change(old.input.value, agreed(fields));
    for (const one of [old, ...fields]) one.input.value = "";
    return words.changed;
  });
  const row = h(
    "div",
    { className: "row" },
    button(words.go_on, on_go, { kind: "primary" }),
    button(words.log_out, on_log_out, { kind: "secondary" }),
  );
  const take = h("a", { className: "button button-secondary", href: at("/api/me/export"), download: words.data_file }, words.data_take);
  const data = section(
    words.data_title,
    { className: "panel" },
    h("p", {}, words.data_lead),
    h("div", { className: "row" }, take),
    h("p", { className: "hint" }, words.data_erase),
  );
  return screen(words.yours(person.name), words.role(person.role), row, section(words.change_title, { className: "panel" }, form), data);
}

/** Return a screen that says one thing and has one way on. */
export function sayScreen({ title, text, go, on_go }) {
  return screen(title, text, h("div", { className: "row" }, button(go, on_go, { kind: "primary" })));
}

function screen(title, lead, ...content) {
  const element = h(
    "div",
    { className: "screen screen-account" },
    h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, title), h("p", {}, lead)),
    ...content,
  );
  return { element, title };
}

function newPassword() {
  const asked = { type: "password", autocomplete: "new-password" };
  return [
    field(words.new_password, { ...asked, name: "new-password" }, words.password_hint),
    field(words.again, { ...asked, name: "new-password-again" }),
  ];
}

/** Return the password of two fields that say the same; throws what to say otherwise. */
function agreed([first, second]) {
  if (!samePasswords(first.input.value, second.input.value)) throw new Error(words.differ);
  return first.input.value;
}

function field(label, props, hint = "") {
  const hint_id = freshId("hint");
  const input = h("input", { required: true, ...props, ...(hint ? { aria: { describedby: hint_id } } : {}) });
  const lines = [h("label", {}, h("span", {}, label), input)];
  if (hint) lines.push(h("p", { id: hint_id, className: "hint" }, hint));
  return { element: h("div", { className: "field" }, ...lines), input };
}

/** Return a form; `on_send()` resolves to words to say, if any, and what it rejects with is said in the form. */
function formOf(fields, send, on_send) {
  const status = h("p", { className: "form-status", attrs: { role: "alert" } });
  const submit = h("button", { type: "submit", className: "button button-primary" }, send);
  const form = h(
    "form",
    {
      className: "form",
      on: {
        submit: async (event) => {
          event.preventDefault();
          if (form.getAttribute("aria-busy") === "true") return;
          form.setAttribute("aria-busy", "true");
          setText(status, "");
          try {
            setText(status, (await on_send()) ?? "");
          } catch (problem) {
            setText(status, problem.detail || (problem.code ? words.failed : problem.message));
            fields.find(({ input }) => !input.readOnly)?.input.focus();
          }
          form.removeAttribute("aria-busy");
        },
      },
    },
    ...fields.map(({ element }) => element),
    status,
    h("div", { className: "row" }, submit),
  );
  return form;
}
