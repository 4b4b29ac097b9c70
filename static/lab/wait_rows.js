/**
 * Why a turn was waited for, as rows: what text and voice said of each pause, when, and the wait it gave.
 *
 * The server computes and words all of it (`server/reports/waits.py`); here it is only put in order. All times are
 * milliseconds of silence.
 */

import { strings } from "../strings.js";

const words = strings.lab.waits;
const ROOM = 1.05;
const LEAST_MS = 500;

const known = (values) => values.filter((value) => value !== null && value !== undefined);

/** Return the end of the axis that all pauses of a turn share, in ms of silence. */
export function reachOf({ pauses }) {
  const moments = pauses.flatMap(({ silence_ms, looks, judged }) => [
    silence_ms,
    ...looks.flatMap((look) => [look.asked_ms, look.answered_ms]),
    ...judged.flatMap((each) => [each.after_ms, each.wait_ms]),
  ]);
  return Math.max(LEAST_MS, ROOM * Math.max(0, ...known(moments)));
}

/**
 * Return the rows of a pause under its silence, in their order of time.
 *
 * {kind, at_ms, wait_ms, look, cells, words}; kinds are `wait` (the last judgement), `replaced` (earlier ones) and
 * `look` (an answer of the turn detector that changed nothing, or none). `cells` are what text, voice and both say, and
 * the wait: {text, share, fresh}; null where words stand in their place.
 */
export function rowsOfPause({ looks, judged }) {
  const cell = (share, fresh = true) => ({ text: share === null ? "" : String(Math.round(100 * share)), share, fresh });
  const weighed = judged.map((each, place) => {
    const before = judged[place - 1];
    const last = place === judged.length - 1;
    const wait = { text: String(Math.round(each.wait_ms)), share: null, fresh: last };
    return {
      kind: last ? "wait" : "replaced",
      at_ms: each.after_ms,
      wait_ms: each.wait_ms,
      look: each.look === null ? null : looks[each.look],
      cells: each.rule
        ? null
        : [
            cell(each.text_goes_on, each.text_goes_on !== before?.text_goes_on),
            cell(each.voice_goes_on, each.voice_goes_on !== before?.voice_goes_on),
            cell(each.goes_on, last),
            wait,
          ],
      words: each.words,
    };
  });
  const told = new Set(judged.map(({ look }) => look));
  const blank = cell(null);
  const alone = looks
    .filter((_, place) => !told.has(place))
    .map((look) => ({
      kind: "look",
      at_ms: look.answered_ms ?? look.asked_ms,
      wait_ms: null,
      look,
      cells: look.answered_ms === null ? null : [blank, cell(look.goes_on, false), blank, blank],
      words: words.alone(look.words),
    }));
  return [...weighed, ...alone].sort((one, other) => one.at_ms - other.at_ms);
}

/** Return the same as a table: [{pause, after, said, then}], all of them texts. */
export function tableOf({ pauses }) {
  return pauses.flatMap(({ silence_ms, went_on, looks, judged }, index) => {
    const asked = looks.map(({ asked_ms, answered_ms, words: said }) => {
      const then = answered_ms === null ? said : words.answered(said, Math.round(answered_ms));
      return [asked_ms, words.asked, then];
    });
    const weighed = judged.map((each) => [each.after_ms, each.words, words.wait(Math.round(each.wait_ms))]);
    const end = silence_ms === null ? [] : [[silence_ms, went_on ? words.resumed : words.over, ""]];
    const rows = [...asked, ...weighed].sort(([one], [other]) => one - other);
    const pause = String(index + 1);
    return [...rows, ...end].map(([after_ms, said, then]) => ({ pause, after: words.ms(Math.round(after_ms)), said, then }));
  });
}
