// One whole role-play in Firefox, as a person would hold it; driven by WebDriver BiDi.
//
//   node role_play.mjs task.json
//
// The task: `url`, `firefox` (the program), `transport` ("call" or "websocket"), `scripts` (run before the page's own),
// `card` (its title), `turns` (how many the microphone has; `say(number)` has it speak one), `pictures` (a folder) and
// `patience_ms` and `whole_ms`. Writes one line of JSON: what was seen, heard, and complained of.

import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

const AUDIBLE = 0.01;
const CLOSE_MS = 15_000;
const task = JSON.parse(readFileSync(process.argv[2], "utf8"));
const seen = { complaints: [], failed: [], states: [], loudest: [], pictures: [] };

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: task.firefox,
  headless: true,
  protocolTimeout: task.patience_ms,
  extraPrefsFirefox: {
    // A microphone that is none: the page's scripts put recorded turns in its place.
    "media.navigator.streams.fake": true,
    "media.navigator.permission.disabled": true,
    // Firefox lets no sound be heard before a person has clicked; puppeteer's clicks are a person's.
    "media.autoplay.default": 1,
  },
});

// Whatever hangs, a browser is not left behind, and what was seen is told.
function leave() {
  process.stdout.write(`${JSON.stringify(seen)}\n`, () => {
    browser.process()?.kill("SIGKILL");
    process.exit(0);
  });
}
const watchdog = setTimeout(() => {
  seen.error ??= "it took too long";
  leave();
}, task.whole_ms);

const page = await browser.newPage();
page.setDefaultTimeout(task.patience_ms);
await page.setViewport({ width: 1366, height: 768 });
// The empty page that comes first has no devices.
for (const script of task.scripts) await page.evaluateOnNewDocument(`if (location.protocol === "http:") { ${script} }`);
page.on("console", (message) => {
  if (["error", "warn"].includes(message.type())) seen.complaints.push(message.text());
});
page.on("pageerror", (error) => seen.complaints.push(String(error)));
page.on("requestfailed", (request) => seen.failed.push(`${request.method()} ${request.url()}`));

const named = (role, name) => `::-p-aria([name="${name}"][role="${role}"])`;
const press = (name) => page.locator(named("button", name)).click();
const heading = (name) => page.waitForSelector(named("heading", name), { visible: true });
const wait = (condition, ...given) => page.waitForFunction(condition, { polling: 50 }, ...given);
const states = (...wanted) =>
  wait((all) => all.includes(document.querySelector(".screen-talk")?.dataset.state), wanted);

async function picture(name) {
  const path = `${task.pictures}/${task.transport}-${seen.pictures.length + 1}-${name}.png`;
  await page.screenshot({ path });
  seen.pictures.push(path);
}

async function prepare() {
  await page.goto(`${task.url}/${task.transport === "websocket" ? "?transport=websocket" : ""}`);
  await page.waitForSelector(named("button", `Prepare: ${task.card}`), { visible: true });
  await picture("choose");
  await press(`Prepare: ${task.card}`);
  await heading("Before you start");
  await picture("before");
  await page.locator(named("checkbox", "I have read this and agree.")).click();
  await press("Continue to the card");
  await heading("Prepare");
  await picture("prepare");
}

async function talk() {
  await press("Start now");
  await states("listening", "hearing", "thinking", "speaking");
  for (let turn = 0; turn < task.turns; turn += 1) {
    await states("listening");
    await page.evaluate((number) => globalThis.say(number), turn);
    // It is answered once something of the patient was heard, and the answer is written down.
    await wait((least) => globalThis.loudness() > least, AUDIBLE);
    if (turn === 1) await picture("talk");
    await wait((count) => document.querySelectorAll(".caption-patient").length >= count, turn + 1);
    seen.loudest.push(await page.evaluate(() => globalThis.loudness()));
    await states("listening");
  }
  seen.transport = await page.evaluate(() => (globalThis.calls.length ? "call" : "websocket"));
  seen.connected = await page.evaluate(() => globalThis.calls.map((call) => call.connectionState));
  seen.captions = await page.$$eval(".caption", (all) => all.map((one) => one.innerText));
  await picture("talked");
}

async function after() {
  await press("End");
  await press("End it");
  await heading("After the role-play");
  await heading("What was said");
  await page.waitForSelector(named("link", "Save the recording"), { visible: true });
  await picture("after");
  seen.after = await page.evaluate(() => document.querySelector("main").innerText);
  await page.locator(named("button", "Play")).click();
  await wait((least) => globalThis.loudness() > least, AUDIBLE);
  seen.recording_heard = true;
  seen.address = page.url();
  await page.reload();
  await heading("After the role-play");
  await heading("What was said");
  await picture("after-a-reload");
  await page.goto(task.url);
  await page.waitForSelector(named("button", `Prepare: ${task.card}`), { visible: true });
  await picture("back-again");
  seen.home = await page.evaluate(() => document.querySelector("main").innerText);
}

// What is asked of a computer that has no loudspeaker.
async function withoutLoudspeaker() {
  await page.goto(`${task.url}/`);
  await press(`Prepare: ${task.card}`);
  await heading("Before you start");
  await press("Check the microphone");
  await wait(() => document.body.innerText.includes("This computer plays no sound"));
  seen.told = await page.evaluate(() => document.body.innerText);
  await picture("no-loudspeaker");
}

try {
  seen.version = await browser.version();
  if (task.asks === "no_loudspeaker") {
    await withoutLoudspeaker();
  } else {
    await prepare();
    await talk();
    await after();
  }
  seen.done = true;
} catch (error) {
  seen.error = String(error);
  seen.text = await page.evaluate(() => document.body.innerText).catch(() => "");
  await picture("failed").catch(() => {});
} finally {
  clearTimeout(watchdog);
  await Promise.race([browser.close(), new Promise((resolve) => setTimeout(resolve, CLOSE_MS))]);
  leave();
}
