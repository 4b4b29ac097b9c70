/**
 * What happened around the end of a turn, as rows under its sound and in words.
 *
 * All times are milliseconds since the candidate's last sound. The server's moments count from where it found that
 * sound; a view's `shift_ms` is added to them.
 */

import { strings } from "../strings.js";

const words = strings.lab.picture;

/** Return the rows of a turn: {label, bars: [{kind, from_ms, to_ms, title}], marks, lines: [{kind, at_ms}], value, note}. */
export function rowsOf(turn) {
  return [...noticed(turn), ...ahead(turn), ...partsOf(turn)];
}

const row = (label, parts) => ({ label, bars: [], marks: [], lines: [], value: null, note: "", ...parts });
const known = (values) => values.filter((value) => value !== null && value !== undefined);

function noticed({ timeline, view }) {
  if (!timeline) return [];
  return [
    [words.pause, timeline.pause_ms],
    [words.transcript, timeline.transcript_ms],
  ]
    .filter(([, at_ms]) => at_ms !== null)
    .map(([label, moment_ms]) => {
      const at_ms = moment_ms + view.shift_ms;
      return row(label, { marks: [at_ms], value: { at_ms, text: String(Math.round(at_ms)) } });
    });
}

/** Return what was prepared before the turn was known to be over, kept and thrown away. */
function ahead({ timeline, view }) {
  const { from_ms, to_ms, shift_ms, drafts } = view;
  const seen = drafts.filter((draft) => draft.discarded_ms >= from_ms);
  const found = row(words.ahead, {
    note: seen.length < drafts.length ? words.earlier(drafts.length - seen.length) : "",
    bars: seen.map((draft) => ({
      kind: "discarded",
      from_ms: Math.max(draft.made_ms, from_ms),
      to_ms: Math.min(draft.discarded_ms, to_ms),
      title: words.discarded(draft.reason, Math.round(draft.cost_ms)),
    })),
  });
  const begun_ms = timeline?.draft_ms ?? null;
  if (begun_ms !== null) {
    const moments = [begun_ms, ...known([timeline.clause_ms, timeline.sound_ms])].map((ms) => ms + shift_ms);
    found.bars.push({ kind: "ahead", from_ms: moments[0], to_ms: moments.at(-1), title: words.kept });
    found.lines = moments.slice(1, -1).map((at_ms) => ({ kind: "zero", at_ms }));
    found.value = { at_ms: Math.max(...moments), text: words.ms(Math.round(moments.at(-1) - moments[0])) };
  }
  return drafts.length > 0 || begun_ms !== null ? [found] : [];
}

/** Return the five parts, each from where the one before it ended. */
function partsOf({ parts, timeline, view }) {
  let reached_ms = 0;
  return Object.entries(parts ?? {}).map(([name, ms]) => {
    const [from_ms, to_ms] = [reached_ms, reached_ms + ms].sort((one, other) => one - other);
    reached_ms += ms;
    const asked_ms = name === "endpoint" && timeline ? timeline.wait_ms + view.shift_ms : null;
    return row(name, {
      bars: [{ kind: name, from_ms, to_ms, title: words.part(name, words.meanings[name], Math.round(ms)) }],
      lines: known([asked_ms]).map((at_ms) => ({ kind: "asked", at_ms })),
      value: { at_ms: Math.max(to_ms, asked_ms ?? to_ms), text: words.ms(Math.round(ms)) },
    });
  });
}

/** Return the same in words, for those who don't see it. */
export function inWords({ voice_to_voice_ms, parts, timeline, view }) {
  if (voice_to_voice_ms === null) return words.unanswered;
  const heard_ms = Math.round(voice_to_voice_ms);
  if (!parts) return words.unsplit(heard_ms);
  const spent = Object.entries(parts).filter(([, ms]) => Math.abs(ms) >= 0.5);
  const said = [words.heard(heard_ms, spent.map(([name, ms]) => words.spent(words.meanings[name], Math.round(ms))))];
  if (!timeline) return said[0];
  const moments = Object.entries(words.moments).filter(([name]) => known([timeline[name]]).length > 0);
  said.push(words.asked(Math.round(timeline.wait_ms)));
  if (moments.length > 0) {
    said.push(words.reached(moments.map(([name, label]) => words.moment(label, Math.round(timeline[name] + view.shift_ms)))));
  }
  const vain = view.drafts.map(({ made_ms, reason, cost_ms }) => words.draft((made_ms / 1000).toFixed(1), reason, Math.round(cost_ms)));
  if (vain.length > 0) said.push(words.vain(vain));
  return said.join(" ");
}
