/** Prints how easy the pages are to read: {page, lab, desk, all: {grade, sentences}}, by Flesch and Kincaid. */

import { words as desk } from "../../static/desk/strings.js";
import { strings } from "../../static/strings.js";
import { grade, sentencesOf, textsOf } from "./reading.js";

const { lab, ...page } = strings;
const of = (texts) => ({ grade: Math.round(100 * grade(texts)) / 100, sentences: texts.length });
const [on_page, in_lab, at_desk] = [page, lab, desk].map((words) => sentencesOf(textsOf(words)));
console.log(JSON.stringify({ page: of(on_page), lab: of(in_lab), desk: of(at_desk), all: of([...on_page, ...in_lab, ...at_desk]) }));
