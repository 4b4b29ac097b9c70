/** The second screen: what one agrees to, and whether microphone, sound and connection will do. */

import { consentPoints } from "../core/consent.js";
import { strings } from "../strings.js";
import { button, freshId, h, section } from "../ui/dom.js";
import { deviceCheck } from "./device_check.js";

const words = strings.before;

/**
 * Return the screen for a card. `consent` is {given, remote} to a role-play of this mode, kept for as long as the page is
 * open; `planned` is whether it is an exam with examiners; `info` is what the server says of itself; `on_go()` is called
 * once the person agreed, `on_leave()` goes back; `lead` and `leave` are what it says instead of the usual; the others are
 * deviceCheck's.
 */
export function beforeScreen({ card, mode, consent, planned = false, info, desk, preference, lead = words.lead(strings.modes[mode].name), leave = words.leave, on_go, on_leave, on_problem }) {
  const check = deviceCheck({ desk, preference, on_problem });
  const missing_id = freshId("missing");
  const missing = h("p", { id: missing_id, className: "missing", hidden: true, attrs: { role: "alert" } });
  const box = h("input", {
    type: "checkbox",
    checked: consent.given,
    on: {
      change: () => {
        consent.given = box.checked;
        if (box.checked) complain("");
      },
    },
  });
  const remote_box = h("input", {
    type: "checkbox",
    checked: Boolean(consent.remote),
    on: {
      change: () => {
        consent.remote = remote_box.checked;
      },
    },
  });
  const complain = (text) => {
    missing.textContent = text;
    missing.hidden = !text;
    box.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) box.setAttribute("aria-describedby", missing_id);
    else box.removeAttribute("aria-describedby");
  };
  // Not disabled until the box is ticked: a button that does nothing says nothing of why.
  const go = async () => {
    if (!box.checked) {
      complain(words.consent.missing);
      box.focus();
      return;
    }
    if (element.getAttribute("aria-busy") === "true") return;
    element.setAttribute("aria-busy", "true");
    // A microphone that is blocked is found out now, and not after three minutes of preparation.
    if (await check.open()) await on_go();
    element.removeAttribute("aria-busy");
  };

  const element = h(
    "div",
    { className: "screen screen-before" },
    h(
      "div",
      { className: "lead" },
      h("h1", { tabIndex: -1 }, words.title),
      h("p", {}, h("strong", {}, card.title), h("br"), lead),
    ),
    h(
      "div",
      { className: "columns columns-before" },
      section(
        words.consent.title,
        { className: "panel panel-consent", lang: words.consent.lang ?? "en-GB", dir: words.consent.dir ?? "ltr" },
        h("ul", { className: "points" }, ...consentPoints(words.consent, info, { mode, planned }).map((point) => h("li", {}, point))),
        h("label", { className: "agree" }, box, h("span", {}, words.consent.agree)),
        missing,
        ...(info.remote_mind ? remoteConsent(remote_box, info.remote_mind) : []),
      ),
      check.element,
    ),
    h(
      "div",
      { className: "row row-go" },
      button(words.go, go, { kind: "primary" }),
      button(leave, on_leave, { kind: "quiet" }),
    ),
  );
  return { element, title: words.title, close: () => check.close() };
}

/** The second agreement, of one's own choice: that a language model elsewhere is given what one says. */
function remoteConsent(box, { provider, country }) {
  const hint_id = freshId("remote");
  box.setAttribute("aria-describedby", hint_id);
  return [
    h("label", { className: "agree" }, box, h("span", {}, words.consent.remote(provider, country))),
    h("p", { id: hint_id, className: "hint" }, words.consent.remote_hint),
  ];
}
