/** Which words were heard with so little confidence that they are shown as not clear. */

// A word with less confidence (0 to 1) is shown as not clear. Whisper tiny.en, reading second-language speakers, is below
// this with 5 % of the words that it has right and with 29 % of those that it has wrong; at 0.4 it would be 9 % and 44 %.
export const UNCLEAR_BELOW = 0.3;

/** Return whether a word of this confidence is not clear; one of unknown confidence (null) counts as clear. */
export function isUnclear(confidence) {
  return typeof confidence === "number" && confidence < UNCLEAR_BELOW;
}

/** Return the indices of a transcript's words that are not clear; none where `logprobs` are not those of its words. */
export function unclearWords(transcript, logprobs) {
  const words = wordsOf(transcript);
  if (!Array.isArray(logprobs) || logprobs.length !== words.length) return [];
  if (!words.every((word, index) => logprobs[index].token?.trim() === word)) return []; // another server's parts of words
  // Confidences have three digits; the logarithm has lost a little.
  return indicesOf(logprobs, ({ logprob }) => isUnclear(Number(Math.exp(logprob).toFixed(3))));
}

/** Return the indices of the words of a turn of the record, [text, from_ms, to_ms, confidence], that are not clear. */
export function unclearOf(words) {
  return indicesOf(words, ([, , , confidence]) => isUnclear(confidence));
}

/** Return a text in pieces {text, unclear}: each word that is not clear by itself, what is between in one. */
export function pieces(text, unclear) {
  const found = [];
  let clear = "";
  wordsOf(text).forEach((word, index) => {
    const space = index > 0 ? " " : "";
    if (!unclear.includes(index)) clear += space + word;
    else {
      if (clear + space) found.push({ text: clear + space, unclear: false });
      found.push({ text: word, unclear: true });
      clear = "";
    }
  });
  return clear ? [...found, { text: clear, unclear: false }] : found;
}

/** Return a text for the ear: `mark` is said in brackets after each word that is not clear. */
export function spokenText(text, unclear, mark) {
  return pieces(text, unclear).map((piece) => (piece.unclear ? `${piece.text} (${mark})` : piece.text)).join("");
}

const wordsOf = (text) => text.split(/\s+/).filter(Boolean);

const indicesOf = (list, test) => list.flatMap((each, index) => (test(each) ? [index] : []));
