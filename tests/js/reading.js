/** How easy words are to read. */

/** Return [[place, text], ...] of all that `words` say; functions are asked with examples. */
export function textsOf(words, place = "") {
  return Object.entries(words).flatMap(([name, value]) => {
    const here = `${place}.${name}`;
    if (typeof value === "string") return [[here, value]];
    if (typeof value === "function") return examples(value).map((text) => [here, text]);
    return textsOf(value, here);
  });
}

function examples(say) {
  return [Array(4).fill(2), Array(4).fill("Pain"), [["Pain", "Sleep"]]].flatMap((given) => {
    try {
      const text = say(...given);
      return typeof text === "string" && !text.includes("undefined") ? [text] : [];
    } catch {
      return [];
    }
  });
}

/** Return those texts that are sentences. */
export const sentencesOf = (texts) => texts.map(([, text]) => text).filter((text) => /[.!?]$/.test(text));

function syllables(word) {
  const bare = word.toLowerCase().replace(/[^a-z]/g, "");
  if (bare.length <= 3) return 1;
  const trimmed = bare.replace(/(?:[^laeiouy]es|[^t]ed|[^laeiouy]e)$/, (end) => end[0]).replace(/^y/, "");
  return Math.max(1, (trimmed.match(/[aeiouy]{1,2}/g) ?? []).length);
}

/** Return the grade of Flesch and Kincaid of these texts: years at school that a reader needs. */
export function grade(texts) {
  const sentences = texts.flatMap((text) => text.split(/(?<=[.!?:…])\s+/)).filter((text) => /[a-z]/i.test(text));
  const words = sentences.flatMap((text) => text.split(/\s+/)).filter((word) => /[a-z]/i.test(word));
  const sounds = words.reduce((sum, word) => sum + syllables(word), 0);
  return (0.39 * words.length) / sentences.length + (11.8 * sounds) / words.length - 15.59;
}
