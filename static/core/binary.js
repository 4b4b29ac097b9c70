/**
 * Sound as binary messages: 12 bytes of header, then 16-bit PCM, all little-endian.
 *
 * The header: kind (1 byte), flags (1), reply (2), place (4), late_ms (4). The protocol's page says what they mean.
 */

/** The subprotocol by which a client asks for it. */
export const BINARY_PROTOCOL = "interlocutor.binary.v1";

const HEADER_BYTES = 12;
const CANDIDATE = 1;
const PATIENT = 2;
const LATE = 1;

/** Return the number of the reply that an item of the patient's is, or 0. */
export function replyOf(item_id) {
  const found = /^item_p(\d+)$/.exec(item_id ?? "");
  return found ? Number(found[1]) : 0;
}

/** Return a message with the candidate's sound, `played` {item_id, played_ms} of the patient's or null. */
export function packSound(pcm, played = null, late_ms = null) {
  const message = new ArrayBuffer(HEADER_BYTES + pcm.byteLength);
  const view = new DataView(message);
  view.setUint8(0, CANDIDATE);
  view.setUint8(1, late_ms === null ? 0 : LATE);
  view.setUint16(2, replyOf(played?.item_id), true);
  view.setUint32(4, Math.max(0, Math.round(played?.played_ms ?? 0)), true);
  view.setUint32(8, Math.max(0, Math.round(late_ms ?? 0)), true);
  new Uint8Array(message, HEADER_BYTES).set(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength));
  return message;
}

/** Return the patient's sound in a message as an event {type, item_id, place, bytes}, or null. */
export function unpackSound(message) {
  if (!(message instanceof ArrayBuffer) || message.byteLength < HEADER_BYTES) return null;
  const view = new DataView(message);
  if (view.getUint8(0) !== PATIENT) return null;
  return {
    type: "response.output_audio.delta",
    item_id: `item_p${view.getUint16(2, true)}`,
    place: view.getUint32(4, true),
    bytes: new Uint8Array(message, HEADER_BYTES),
  };
}
