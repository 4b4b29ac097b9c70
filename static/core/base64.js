/** Base64 of bytes, both ways: the Realtime protocol carries sound as text. */

// String.fromCharCode takes its bytes as arguments, and engines limit how many there may be.
const BYTES_A_CALL = 8192;

/** Return the base64 text of a Uint8Array. */
export function bytesToBase64(bytes) {
  let binary = "";
  for (let start = 0; start < bytes.length; start += BYTES_A_CALL) {
    binary += String.fromCharCode.apply(null, bytes.subarray(start, start + BYTES_A_CALL));
  }
  return btoa(binary);
}

/** Return the bytes of base64 text as a Uint8Array; throws when the text is not base64. */
export function base64ToBytes(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
