/** The language of the page: English, or one that somebody has added as a file to translations/. */

import { LANGUAGES } from "../translations/list.js";
import { consentIn } from "./consent.js";

const KEY = "interlocutor.language";

/** Return `words` with those of a translation put over them: what is not translated stays English. */
export function mergeWords(words, translated) {
  const merged = { ...words };
  for (const [name, value] of Object.entries(translated)) {
    const inner = typeof value === "object" && !Array.isArray(value) && typeof words[name] === "object";
    merged[name] = inner ? mergeWords(words[name], value) : value;
  }
  return merged;
}

/** Return `words` in a language of the list; of the consent all or nothing is translated. */
export function translate(words, translated, language) {
  const merged = mergeWords(words, translated);
  const consent = consentIn(words.before.consent, translated.before?.consent, language);
  return { ...merged, before: { ...merged.before, consent } };
}

/** Return the code of the language to show: the one that was chosen, or else English, since the exam is in English. */
export function languageOf(chosen) {
  return LANGUAGES.some(({ code }) => code === chosen) ? chosen : "en";
}

/** Return what was chosen in this browser; "" where nothing was, or nothing is kept. */
export function chosenLanguage() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** Choose a language; the page must be loaded again to show it. */
export function chooseLanguage(code) {
  try {
    localStorage.setItem(KEY, code);
  } catch {
    // Nothing is kept: the page stays English.
  }
}

/** Return `words` in the language that was chosen, on a page that says it can be translated; else as they are. */
export async function inLanguage(words) {
  if (typeof document === "undefined" || !document.querySelector("meta[name=translated]")) return words;
  const code = languageOf(chosenLanguage());
  const language = LANGUAGES.find((one) => one.code === code);
  const { dir } = language;
  Object.assign(document.documentElement, { lang: code === "en" ? "en-GB" : code, dir });
  if (code === "en") return words;
  try {
    return translate(words, (await import(`../translations/${code}.js`)).words, language);
  } catch {
    return words; // it could not be loaded: better English than nothing
  }
}
