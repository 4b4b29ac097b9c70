/** What stays the same on every screen gets its words here. */

import { chooseLanguage, chosenLanguage, languageOf } from "./core/languages.js";
import { strings } from "./strings.js";
import { LANGUAGES } from "./translations/list.js";
import { h } from "./ui/dom.js";

document.getElementById("skip").textContent = strings.skip;
document.getElementById("product").textContent = strings.product;
document.getElementById("disclaimer").textContent = strings.disclaimer;

const now = languageOf(chosenLanguage());
const choice = h(
  "select",
  {},
  ...LANGUAGES.map(({ code, name, dir }) => h("option", { value: code, lang: code, dir, selected: code === now }, name)),
);
choice.addEventListener("change", () => {
  chooseLanguage(choice.value);
  location.reload();
});
const translated = document.querySelector("meta[name=translated]") !== null;
if (translated) document.querySelector(".bottom").append(h("label", { className: "language" }, h("span", {}, strings.language), choice));
