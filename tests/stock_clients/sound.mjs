// What the programs for Node share: a question at the pace of speech, and what they print.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const FRAME_MS = 20;
const STEP_BYTES = 2 * 24 * FRAME_MS;
const HEADER_BYTES = 44; // of a WAV as Python writes it
const PATIENCE_MS = 60_000;

/** The server's host and port, the key, the model, and the question's file. */
export const [address, key, model, path] = process.argv.slice(2);

/** What a turn came to. */
export class Turn {
  audio_bytes = 0;
  transcript = "";
  errors = [];

  /** `name` is the package's; what came by then is told when a person would have given up. */
  constructor(name) {
    this.name = name;
    setTimeout(() => this.report(), PATIENCE_MS);
  }

  /** Note an error that the program was told of. */
  failed(error) {
    this.errors.push(error instanceof Error ? error.message : JSON.stringify(error));
  }

  /** Print it as one line of JSON, and end the program. */
  report() {
    const about = new URL(`node_modules/${this.name}/package.json`, import.meta.url);
    const { version } = JSON.parse(readFileSync(about, "utf8"));
    const { audio_bytes, transcript, errors } = this;
    console.log(JSON.stringify({ package: `${this.name} (npm)`, version, audio_bytes, transcript, errors }));
    process.exit(0);
  }
}

/** Give a question and then silence to `send`, 20 ms at a time, as a microphone would, until the program ends. */
export async function speak(send) {
  const said = readFileSync(path).subarray(HEADER_BYTES);
  const began_ms = performance.now();
  for (let number = 0; ; number += 1) {
    const frame = Buffer.alloc(STEP_BYTES);
    said.subarray(number * STEP_BYTES, (number + 1) * STEP_BYTES).copy(frame);
    send(frame);
    await sleep(Math.max(0, began_ms + (number + 1) * FRAME_MS - performance.now()));
  }
}
