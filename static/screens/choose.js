/** The first screen: what this is, how to work, and the cards by profession. */

import { byProfession } from "../core/cards.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { button, freshId, h, section } from "../ui/dom.js";

const words = strings.choose;

/**
 * Return the screen. `cards` are all cards, `info` is what the server says of itself (or null), `preference`
 * {mode, profession} is kept between visits, `modes` are those that there are to choose from, and
 * `on_choose(card, mode)` resolves when the choice has been dealt with.
 */
export function chooseScreen({ cards, info, preference, modes, on_choose }) {
  if (!modes.includes(preference.mode)) preference.mode = modes[0];
  const list = h("div", { className: "card-list" });
  const choose = async (card) => {
    const buttons = element.querySelectorAll(".card-list button");
    // Not `disabled`: a button that has the focus must keep it.
    if (element.getAttribute("aria-busy") === "true") return;
    element.setAttribute("aria-busy", "true");
    buttons.forEach((other) => other.setAttribute("aria-disabled", "true"));
    announce(words.opening);
    await on_choose(card, preference.mode);
    element.removeAttribute("aria-busy");
    buttons.forEach((other) => other.removeAttribute("aria-disabled"));
  };
  const show = () => {
    const groups = byProfession(cards, preference.profession).map(([profession, group]) =>
      section(profession, { className: "card-group" }, h("ul", { className: "card-grid" }, ...group.map((card) => cardTile(card, choose)))),
    );
    list.replaceChildren(...groups);
  };
  const element = h(
    "div",
    { className: "screen screen-choose" },
    h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, words.title), h("p", {}, words.lead)),
    notices(info),
    h("div", { className: "choices" }, modePicker(preference, modes), professionPicker(cards, preference, show)),
    list,
  );
  if (cards.length === 0) list.append(section(words.none_title, { className: "empty" }, h("p", {}, words.none)));
  else show();
  return { element, title: words.title };
}

function notices(info) {
  const lines = [words.machine, words.tasks, words.recorded, words.headphones];
  const demonstrations = ["recogniser", "interpreter", "synthesiser"].filter((kind) => info?.engines?.[kind]?.demonstration);
  if (demonstrations.length > 0) {
    const plain = info.engines.synthesiser?.demonstration_for ?? [];
    const named = { ...words, synthesiser: words.plain_voice(plain) };
    lines.push(words.demonstration(words.list(demonstrations.map((kind) => named[kind]))));
  }
  return section(words.notices_title, { className: "notices" }, h("ul", {}, ...lines.map((line) => h("li", {}, line))));
}

function modePicker(preference, modes) {
  const options = modes.map((mode) => {
    const { name, hint } = strings.modes[mode];
    const hint_id = freshId("hint");
    const input = h("input", {
      type: "radio",
      name: "mode",
      value: mode,
      checked: mode === preference.mode,
      aria: { describedby: hint_id },
      on: { change: () => (preference.mode = mode) },
    });
    const text = h("span", { className: "mode-text" }, h("span", { className: "mode-name" }, name));
    return h("div", { className: "mode" }, h("label", {}, input, text), h("p", { id: hint_id, className: "hint" }, hint));
  });
  return h("fieldset", { className: "modes" }, h("legend", {}, words.mode), h("div", { className: "mode-options" }, ...options));
}

function professionPicker(cards, preference, show) {
  const professions = byProfession(cards).map(([profession]) => profession);
  if (professions.length < 2) {
    preference.profession = "";
    return null;
  }
  if (!professions.includes(preference.profession)) preference.profession = "";
  const option = (value, text) => h("option", { value, selected: value === preference.profession }, text);
  const select = h(
    "select",
    {
      on: {
        change: () => {
          preference.profession = select.value;
          show();
        },
      },
    },
    option("", words.all_professions),
    ...professions.map((profession) => option(profession, capital(profession))),
  );
  return h("label", { className: "profession" }, h("span", {}, words.profession), select);
}

function cardTile(card, choose) {
  return h(
    "li",
    { className: "card-tile" },
    h("h3", {}, card.title),
    h("p", { className: "card-setting" }, card.setting),
    h("p", { className: "hint" }, card.patient_speaks_first ? words.patient_first : words.you_first),
    button(words.prepare, () => choose(card), {
      kind: "primary",
      attrs: { "aria-label": words.prepare_card(card.title) },
    }),
  );
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
