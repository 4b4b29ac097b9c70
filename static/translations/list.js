/**
 * The languages of the page. To add one, write `translations/CODE.js` with an object `words` of the same form as
 * `strings.js`, as much of it as you like, and add its line here.
 */

export const LANGUAGES = [
  { code: "en", name: "English", dir: "ltr" },
  { code: "de", name: "Deutsch", dir: "ltr" },
  { code: "ar", name: "العربية", dir: "rtl" },
];
