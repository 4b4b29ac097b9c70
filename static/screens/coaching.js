/** What a coach says of a role-play: what went well, what to try, the tasks that were heard, and what was counted. */

import { hasCoaching, inOrder, places } from "../core/coach.js";
import { fetchPhrase } from "../net/record_api.js";
import { strings } from "../strings.js";
import { button, h, IN_ENGLISH, section } from "../ui/dom.js";
import { PhrasePractice } from "../ui/phrase_practice.js";
import { placeButton } from "../ui/place_button.js";

const words = strings.coach;

/**
 * Return {panels, close} for an assessment of the server, or null for one that could not be had: then `on_retry` asks
 * again. `on_play(from_ms, to_ms)` plays a stretch of the recording.
 */
export function coachingPanels({ assessment, session, on_play, on_retry }) {
  if (!assessment) {
    const again = button(strings.debrief.retry, on_retry, { kind: "secondary" });
    return { panels: [section(words.title, { className: "panel" }, h("p", {}, words.failed), again)], close: () => {} };
  }
  const { element, close } = coach(assessment, session);
  return { panels: [element, tasks(assessment.tasks, on_play), counts(assessment, on_play)], close };
}

/** Return the panel that stands there until the server has answered. */
export const workingPanel = () => section(words.title, { className: "panel" }, h("p", { attrs: { role: "status" } }, words.working));

function coach(assessment, session) {
  const { well = [], try: to_try = "", phrases = [] } = assessment.coaching ?? {};
  const practices = phrases.slice(0, 1).map((phrase, number) => new PhrasePractice(phrase, () => fetchPhrase(session, to_try, number)));
  const content = [];
  if (!hasCoaching(assessment)) content.push(h("p", {}, words.nothing));
  else {
    if (well.length > 0) content.push(h("h3", {}, words.well_title), h("ul", { className: "topics topics-told" }, ...well.map((id) => h("li", {}, words.well[id]))));
    content.push(h("h3", {}, words.try_title), h("p", { className: "coach-try" }, to_try ? words.try[to_try] : words.nothing_to_try));
    if (practices.length > 0) content.push(h("p", { className: "hint" }, words.phrase_lead), ...practices.map(({ element }) => element));
  }
  return {
    element: section(words.title, { className: "panel panel-coach" }, h("p", { className: "hint" }, words.lead), ...content),
    close: () => practices.forEach((practice) => practice.close()),
  };
}

function tasks(all, on_play) {
  const props = { className: "panel panel-tasks" };
  if (all === null) return section(words.tasks_title, props, h("p", { className: "hint" }, words.tasks_none));
  const rows = all.map(({ text, state, evidence }) =>
    h(
      "li",
      { className: `task task-${state}` },
      h("p", { className: "task-state" }, words.states[state]),
      h("p", IN_ENGLISH, text),
      h("div", { className: "places" }, ...places(evidence, 3).map((place) => placeButton(place, on_play, text))),
    ),
  );
  return section(words.tasks_title, props, h("p", { className: "hint" }, words.tasks_lead), h("ol", { className: "tasks-heard" }, ...rows));
}

function counts(assessment, on_play) {
  const { first, others } = inOrder(assessment);
  const more = h("details", { className: "all-counts" }, h("summary", {}, words.all_measures), ...others.map((each) => one(each, on_play)));
  return section(words.measures_title, { className: "panel panel-counts" }, ...first.map((each) => one(each, on_play)), more);
}

/** One measure: what it comes to, in words; where it was heard; and how it is counted, for those who ask. */
function one({ id, value, counts: from, unmeasured, definition, limits, evidence }, on_play) {
  const told = value === null ? words.unmeasured[unmeasured] : words.values[id](value, from);
  // What the patient told is in a panel of its own.
  const heard = id === "cues" ? [] : places(evidence);
  const quotes = heard.map((place) =>
    h("li", {}, placeButton(place, on_play), h("span", IN_ENGLISH, ` ${place.text}`), h("span", { className: "hint" }, ` (${place.kind})`)),
  );
  return h(
    "div",
    { className: "count" },
    h("h3", {}, words.names[id]),
    h("p", { className: value === null ? "hint" : "" }, told),
    quotes.length > 0 ? h("ul", { className: "quotes" }, ...quotes) : null,
    h("details", {}, h("summary", {}, words.how), h("p", {}, definition), h("p", { className: "hint" }, limits)),
  );
}
