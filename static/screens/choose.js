/** The first screen: role-plays to open, how to work, and what was practised before. */

import { byProfession, paceOf, patientOf } from "../core/cards.js";
import { bestScores, daysInRow, toGoOn } from "../core/journal.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { button, freshId, h, IN_ENGLISH, section, setText } from "../ui/dom.js";

const words = strings.choose;
const TOPICS = 4; // of those that are left, so many are named
const when = new Intl.DateTimeFormat("en-GB", { dateStyle: "long" });

/**
 * Return the screen. `cards` are all cards, `info` is what the server says of itself (or null), `preference`
 * {mode, profession} is kept between visits, `modes` are those that there are to choose from, `held` are the role-plays of
 * before, the newest first, `count` is how many `on_history()` shows (null: nobody knows; not `whole`: that many or more),
 * `missed_of(entry)` resolves to the topics that were not found out where an entry does not have them, or to null, and
 * `on_choose(card, mode)` resolves when the choice has been dealt with.
 */
export function chooseScreen({ cards, info, preference, modes, held, count, whole = true, missed_of = async () => null, on_choose, on_history }) {
  if (!modes.includes(preference.mode)) preference.mode = modes[0];
  const list = h("ul", { className: "card-list card-grid" });
  const best = bestScores(held);
  const choose = async (card, mode = preference.mode) => {
    const buttons = element.querySelectorAll("button");
    // Not `disabled`: a button that has the focus must keep it.
    if (element.getAttribute("aria-busy") === "true") return;
    element.setAttribute("aria-busy", "true");
    buttons.forEach((other) => other.setAttribute("aria-disabled", "true"));
    announce(words.opening);
    await on_choose(card, mode);
    element.removeAttribute("aria-busy");
    buttons.forEach((other) => other.removeAttribute("aria-disabled"));
  };
  const show = () => {
    const shown = byProfession(cards, preference.profession).flatMap(([, group]) => group);
    list.replaceChildren(...shown.map((card) => cardTile(card, best.get(card.id) ?? null, choose)));
  };
  const element = h(
    "div",
    { className: "screen screen-choose" },
    h("div", { className: "lead" }, h("h1", { tabIndex: -1 }, words.title), h("p", {}, words.lead)),
    held.length > 0 || count > 0 ? goingOn({ held, cards, choose, missed_of, history: button(words.history(count, whole), on_history, { kind: "secondary" }) }) : null,
    h("div", { className: "choices" }, modePicker(preference, modes), professionPicker(cards, preference, show)),
    cards.length === 0 ? section(words.none_title, { className: "empty" }, h("p", {}, words.none)) : list,
    notices(info),
  );
  show();
  return { element, title: words.title };
}

/** What was practised before, and what is left to find out. */
function goingOn({ held, cards, choose, missed_of, history }) {
  const left = toGoOn(held);
  const card = cards.find(({ id }) => id === left?.card_id);
  const days = daysInRow(held);
  const content = card
    ? [
        h("p", {}, words.last(card.title, when.format(new Date(left.began_ms)))),
        missedTopics(left, missed_of),
      ]
    : [];
  const id = freshId("going-on");
  return h(
    "section",
    { className: "going-on", aria: { labelledby: id } },
    h(
      "div",
      { className: "going-on-text" },
      h("h2", { id }, words.again_title),
      ...content,
      days > 0 ? h("p", { className: "hint" }, words.days(days)) : null,
    ),
    h(
      "div",
      { className: "row" },
      card ? button(words.go_on, () => choose(card, "practice"), { kind: "primary" }) : null,
      history,
    ),
  );
}

/** Return what is left to find out; how much of it is said until it is known which. */
function missedTopics(left, missed_of) {
  const tell = (topics) => words.missed(topics.slice(0, TOPICS), Math.max(0, topics.length - TOPICS));
  if (left.missed !== null) return h("p", {}, tell(left.missed));
  const shown = h("p", {}, words.missed_count(left.all - left.told, left.all));
  missed_of(left).then((topics) => {
    if (topics?.length > 0) setText(shown, tell(topics));
  });
  return shown;
}

function notices(info) {
  const lines = [words.machine, words.tasks, words.recorded, words.headphones];
  const demonstrations = ["recogniser", "interpreter", "responder", "synthesiser"].filter((kind) => info?.engines?.[kind]?.demonstration);
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
    return h("div", { className: "mode" }, h("label", {}, input, h("span", { className: "mode-name" }, name)), h("p", { id: hint_id, className: "hint" }, hint));
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

function cardTile(card, best, choose) {
  const pace = paceOf(card.rate_wpm);
  const facts = [words.things(card.things), words.accent[card.accent]].filter(Boolean);
  return h(
    "li",
    { className: "card-tile" },
    h("p", { className: "card-kind" }, h("span", {}, capital(card.profession)), h("span", { className: `level level-${pace}` }, words.pace[pace])),
    h("h2", IN_ENGLISH, card.title),
    h("p", { className: "card-patient", ...IN_ENGLISH }, patientOf(card)),
    h("p", { className: "hint" }, facts.join(" · ")),
    h(
      "div",
      { className: "card-foot" },
      button(words.prepare, () => choose(card), { kind: "primary", attrs: { "aria-label": words.prepare_card(card.title) } }),
      best ? score(best) : h("span", { className: "hint" }, words.not_tried),
    ),
  );
}

function score({ told, all }) {
  const bar = h("span", { className: "score-bar", aria: { hidden: "true" } }, h("span", {}));
  bar.firstChild.style.width = `${Math.round((100 * told) / all)}%`;
  return h("span", { className: "score" }, words.best(told, all), bar);
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
