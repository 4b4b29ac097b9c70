import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../../static/styles/tokens.css", import.meta.url), "utf8");
const [light_css, dark_css] = css.split("@media (prefers-color-scheme: dark)");

const colours = (text) => Object.fromEntries([...text.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, hex]) => [name, hex]));

const light = colours(light_css);
const themes = { light, dark: { ...light, ...colours(dark_css) } };

/** Relative luminance of WCAG 2.2. */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

const TEXT = [
  ...["ink", "quiet", "accent"].flatMap((ink) => ["ground", "surface"].map((ground) => [ink, ground])),
  ...["ink", "quiet"].map((ink) => [ink, "paper"]),
  ...["good", "you", "patient", "danger"].map((ink) => [ink, "surface"]),
  ["ink", "accent-soft"],
  ["accent", "accent-soft"],
  ["on-accent", "accent"],
  ["on-danger", "danger"],
  ["warn-ink", "warn-ground"],
];
const SHAPES = [
  ["edge", "surface"],
  ["edge", "ground"],
  ["focus", "ground"],
  ["focus", "surface"],
  ["accent", "sunken"],
  ["you", "sunken"],
];

for (const [name, theme] of Object.entries(themes)) {
  test(`${name}: text stands out 4.5 to 1, shapes 3 to 1`, () => {
    for (const [pairs, least] of [[TEXT, 4.5], [SHAPES, 3]]) {
      for (const [ink, ground] of pairs) {
        const ratio = contrast(theme[ink], theme[ground]);
        assert.ok(ratio >= least, `--${ink} on --${ground}: ${ratio.toFixed(2)}`);
      }
    }
  });
}

test("the dark theme changes every colour that the light one sets", () => {
  assert.deepEqual(Object.keys(colours(dark_css)).sort(), Object.keys(light).sort());
});

test("letters and gaps have the sizes of one scale", () => {
  const folder = new URL("../../static/styles/", import.meta.url);
  const sheets = readdirSync(folder).filter((name) => name !== "tokens.css");
  const text = sheets.map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n");
  const sizes = [...text.matchAll(/font-size: ([^;]+);/g)].map(([, size]) => size);
  // The time left to prepare is read from across a room.
  assert.deepEqual(sizes.filter((size) => !/^var\(--text-(s|m|l|xl|xxl)\)$/.test(size)), ["3.25rem"]);
  const own = [...text.matchAll(/\bgap: ([^;]+);/g)].filter(([, gap]) => /\d(?:\.\d+)?rem/.test(gap));
  assert.deepEqual(own.map(([rule]) => rule), []);
  for (const [, name] of text.matchAll(/var\((--(?:text|space)-[\w-]+)\)/g)) assert.ok(css.includes(`${name}:`), name);
});
