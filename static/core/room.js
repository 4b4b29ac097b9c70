/** What a few seconds of sound tell of the room: whether it is noisy, and whether the microphone hears the loudspeaker. */

import { CHIME_HZ, levelDbfs, int16ToFloat } from "./pcm.js";

// This is the room itself, while nobody speaks: a fan beside the microphone, a busy ward.
const NOISY_DBFS = -46;
// Speech less than this above the room is hard to recognise. These are its loud frames: on average it is 4 dB softer,
// and less than 10 dB above the room is what is called noisy during the role-play (audio/sound_check.py).
const CLOSE_DB = 14;

/** Return the level below which the given share (0 to 1) of levels lies. */
export function levelBelow(levels_dbfs, share) {
  if (levels_dbfs.length === 0) return -Infinity;
  const sorted = [...levels_dbfs].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Judge from the levels of frames in which somebody spoke for a while: "quiet_room", "noisy" or "no_speech". */
export function judgeRoom(levels_dbfs) {
  const room_dbfs = levelBelow(levels_dbfs, 0.1);
  const voice_dbfs = levelBelow(levels_dbfs, 0.9);
  // It is noisy also where the voice is far above: it will be strained.
  if (room_dbfs > NOISY_DBFS) return "noisy";
  if (voice_dbfs < NOISY_DBFS) return "no_speech";
  return voice_dbfs - room_dbfs < CLOSE_DB ? "noisy" : "quiet_room";
}

// This is long enough to tell the tones from each other, and short enough to fall within one.
const BLOCK_MS = 80;
// Speech seldom has this share of a block's energy in just these two tones.
const TONAL = 0.4;
const AUDIBLE_DBFS = -62;
const ENOUGH_BLOCKS = 3; // of the nine that the chime lasts

/** Return whether the chime is to be heard in what the microphone took while it was played: Int16Arrays at `rate_hz`. */
export function hearsChime(frames, rate_hz) {
  const sound = frames.flatMap((frame) => [...int16ToFloat(frame)]);
  const size = Math.round((BLOCK_MS * rate_hz) / 1000);
  let tonal = 0;
  for (let at = 0; at + size <= sound.length; at += size) {
    const block = sound.slice(at, at + size);
    if (levelDbfs(block) < AUDIBLE_DBFS) continue;
    const energy = block.reduce((sum, value) => sum + value * value, 0);
    const most = Math.max(...CHIME_HZ.map((pitch_hz) => toneEnergy(block, pitch_hz, rate_hz)));
    if (most > TONAL * energy) tonal += 1;
  }
  return tonal >= ENOUGH_BLOCKS;
}

/** Energy of one tone in a block, by Goertzel's algorithm; that of a block of nothing else is all its energy. */
function toneEnergy(block, pitch_hz, rate_hz) {
  const turn = 2 * Math.cos((2 * Math.PI * pitch_hz) / rate_hz);
  let before = 0;
  let last = 0;
  for (const value of block) [before, last] = [last, value + turn * last - before];
  return (2 * (last * last + before * before - turn * last * before)) / block.length;
}
