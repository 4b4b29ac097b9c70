/** Recordings to run: the server's, and files that were dropped; decoded and planned when their turn comes. */

import { Problem } from "../core/problems.js";
import { WIRE_HZ } from "../core/pcm.js";
import { planTurns, voiceOf } from "./plan.js";
import { decode } from "./sound.js";

export const MOST_BYTES = 100 * 1024 * 1024; // a file; decoded, five times as much of memory
export const MOST_MS = 30 * 60 * 1000; // as the server's own commands
const UNKNOWN = { card: null, speech_in: "both", turns: null };
const TRUTH = ".truth.yaml";
const KINDS = /\.(wav|flac|ogg|opus|mp3|m4a|webm)$/i;

/** A recording that is on the server. */
export class OfServer {
  constructor({ name, bytes, truth }) {
    this.id = `server:${name}`;
    this.name = name;
    this.bytes = bytes;
    this.has_truth = truth;
  }

  async read(api) {
    const [bytes, truth] = await Promise.all([api.sound(this.name), api.truth(this.name)]);
    return plan(this.name, bytes, truth);
  }
}

/** A file that was dropped or chosen. */
export class OfFile {
  /** `truth` is its truth file where that was dropped too, else null. */
  constructor(file, path, truth = null) {
    this.id = `file:${path}`;
    this.name = path;
    this.bytes = file.size;
    this.has_truth = truth !== null;
    this.file = file;
    this.truth = truth;
  }

  async read(api) {
    if (this.bytes > MOST_BYTES) throw new Problem("lab.too_big", { detail: this.name });
    const truth = this.truth === null ? UNKNOWN : await api.readTruth(await this.truth.text());
    return plan(this.name, await this.file.arrayBuffer(), truth);
  }
}

/** Return {name, card, turns, samples, duration_ms}; rejects with a Problem. */
async function plan(name, bytes, truth) {
  let channels;
  try {
    channels = await decode(bytes);
  } catch (error) {
    throw new Problem("lab.unreadable", { detail: `${name}: ${error}` });
  }
  const samples = voiceOf(channels, truth.speech_in);
  const duration_ms = (1000 * samples.length) / WIRE_HZ;
  if (duration_ms > MOST_MS) throw new Problem("lab.too_long", { detail: name });
  const turns = planTurns(samples, WIRE_HZ, { spans: truth.turns, source: name });
  if (turns.length === 0) throw new Problem("lab.no_speech", { detail: name });
  const starts = turns.map((turn) => ({ ...turn, start: Math.round((turn.recorded_from_ms * WIRE_HZ) / 1000) }));
  return { name, card: truth.card, turns: starts, samples, duration_ms };
}

/** Return the recordings of a drop or of a file chooser with the truth files beside them; folders are searched. */
export async function recordingsOf(transfer) {
  const entries = [...(transfer.items ?? [])].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files =
    entries.length > 0
      ? (await Promise.all(entries.map((entry) => filesBelow(entry)))).flat()
      : [...transfer.files].map((file) => [file, file.webkitRelativePath || file.name]);
  const truths = new Map(files.filter(([, path]) => path.endsWith(TRUTH)).map(([file, path]) => [path, file]));
  return files
    .filter(([, path]) => KINDS.test(path) && !/(^|\/)\./.test(path))
    .sort(([, one], [, other]) => (one < other ? -1 : 1))
    .map(([file, path]) => new OfFile(file, path, truths.get(path.replace(/\.[^./]+$/, TRUTH)) ?? null));
}

async function filesBelow(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [[file, entry.fullPath.replace(/^\//, "")]];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A reader gives a hundred at a time, and nothing once it has given all.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const each of some) found.push(...(await filesBelow(each)));
  }
}
