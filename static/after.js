/** What comes after a role-play, at once or on another day: its debrief, and what the journal knows of it. */

import { addressOf } from "./core/address.js";
import { fetchAccount, foundOut } from "./net/account_of.js";
import { debriefScreen } from "./screens/debrief.js";

export class After {
  #stage;
  #addresses;
  #journal;
  #keeps_tokens;
  #kept;
  #ways;

  /**
   * `journal()` is this browser's, whose entries open their role-plays by themselves where it `keeps_tokens()`; `kept()` is
   * {practice_days, exam_days}. `ways` lead on: {on_again(visit), on_anew(visit), on_leave()}.
   */
  constructor({ stage, addresses, journal, keeps_tokens, kept, ways }) {
    this.#stage = stage;
    this.#addresses = addresses;
    this.#journal = journal;
    this.#keeps_tokens = keeps_tokens;
    this.#kept = kept;
    this.#ways = ways;
  }

  /** Put a visit's role-play into the journal, or change what is known of it there. */
  note({ session, mode }, facts) {
    const { id, card } = session;
    const token = this.#keeps_tokens() ? session.token : "";
    this.#journal().put({ id, token, card_id: card.id, card_title: card.title, mode, ...facts });
  }

  /**
   * Return the topics that were not found out in an entry that the server alone knew, or null; from then on the journal of
   * this computer has them.
   */
  async learn({ id, card_id, mode, began_ms }) {
    const record = known(await fetchAccount({ id, token: "" }));
    if (record === null) return null;
    const facts = foundOut(record);
    this.#journal().put({ id, token: "", card_id, card_title: record.card.title, mode, began_ms, ...facts });
    return facts.missed;
  }

  /** A visit's role-play has begun. */
  begun(visit) {
    if (this.#journal().find(visit.session.id) === null) this.note(visit, { began_ms: Date.now() });
  }

  /**
   * Show what came of a visit's role-play: `record` is the server's account or null, `lines` are the captions. `past`: it was
   * opened again, and what was agreed to and checked then is asked for once more.
   */
  show(visit, { record, reason, lines = [], past = false }) {
    const { session, mode, notes } = visit;
    const { on_again, on_anew, on_leave } = this.#ways;
    this.#addresses.show(addressOf("past", session.id));
    if (record && this.#journal().find(session.id) !== null) this.note(visit, foundOut(record));
    this.#stage.show(
      debriefScreen({
        record,
        lines,
        reason,
        session,
        mode,
        kept: this.#kept(),
        notes,
        on_again: () => (past ? on_anew(visit) : on_again(visit)),
        on_leave,
        on_retry: async () => this.show(visit, { record: known(await fetchAccount(session)), reason, lines, past }),
        on_deleted: () => {
          this.#journal().remove(session.id);
          this.show(visit, { record: { turns: [], recording: { state: "deleted" } }, reason, past });
        },
      }),
    );
  }
}

/** Return a record that is there; null for one that can't be had, for whatever reason. */
export const known = (record) => (typeof record === "string" ? null : record);
