/** The latency page for developers: joins what to run, the run itself and what came of it. */

import { fetchCards } from "../net/api.js";
import { Problem } from "../core/problems.js";
import { strings } from "../strings.js";
import { announce } from "../ui/announce.js";
import { ask, showProblem } from "../ui/dialogs.js";
import { button, freshId, h } from "../ui/dom.js";
import { keepAwake } from "../ui/wake_lock.js";
import { CallTalk, canCall } from "./call_talk.js";
import { LabApi } from "./lab_api.js";
import { LiveView } from "./live_view.js";
import { Runner } from "./runner.js";
import { RunsView, waitOf } from "./runs_view.js";
import { SetupView } from "./setup_view.js";
import { SocketTalk } from "./socket_talk.js";
import { LabSound } from "./sound.js";
import { RunStore } from "./store.js";

const words = strings.lab;
const TRANSPORTS = [
  { id: "websocket", name: words.transports.websocket, make_talk: (sound) => new SocketTalk(sound) },
  ...(canCall() ? [{ id: "webrtc", name: words.transports.webrtc, make_talk: (sound) => new CallTalk(sound) }] : []),
];

const main = document.getElementById("main");
const api = new LabApi();
let overview = null;
let setup = null;
let live = null;
let runs = null;
let runner = null;

/** Take the key out of the link that the server wrote at its start; it stays in no address that could be passed on. */
function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!given) return;
  api.key = given;
  history.replaceState(null, "", location.pathname + location.search);
}

async function begin() {
  let cards;
  try {
    [overview, cards] = await Promise.all([api.overview(), fetchCards()]);
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) return showGate(api.key !== "");
    await showProblem(problem);
    return begin();
  }
  live = new LiveView();
  runs = new RunsView(new RunStore(localStorageIfAny()), api);
  setup = new SetupView({ overview, cards, transports: TRANSPORTS, on_run: run, on_stop: () => runner?.stop() });
  main.replaceChildren(heading(), machine(), setup.element, live.element, runs.element);
  runs.show(); // now that there is a place to measure
  return undefined;
}

function heading() {
  return h("div", { className: "lab-lead" }, h("h1", { tabIndex: -1 }, words.title), h("p", { className: "hint" }, words.lead));
}

function machine() {
  const { engines, version, machine: { cores, cpu } } = overview;
  return h("p", { className: "lab-machine" }, words.measured_on({ engines, version, cores, cpu }), api.key ? " " : "", api.key ? forget() : "");
}

function forget() {
  const on_click = () => {
    api.key = "";
    location.reload();
  };
  return button(words.gate.forget, on_click, { kind: "quiet" });
}

/** Ask for the developer key; `wrong`: the one that is known was refused. */
function showGate(wrong) {
  const id = freshId("key");
  const hint = freshId("hint");
  const key = h("input", { id, type: "password", autocomplete: "off", required: true, aria: { describedby: hint } });
  const form = h(
    "form",
    {
      className: "panel lab-panel lab-gate",
      on: {
        submit: (event) => {
          event.preventDefault();
          api.key = key.value.trim();
          begin();
        },
      },
    },
    h("h1", { tabIndex: -1 }, words.title),
    h("p", {}, words.gate.lead),
    wrong ? h("p", { className: "lab-fault", attrs: { role: "alert" } }, words.gate.wrong) : null,
    h("div", { className: "lab-field" }, h("label", { htmlFor: id }, words.gate.key), key, h("p", { className: "hint", id: hint }, words.gate.hint)),
    h("div", { className: "row" }, h("button", { type: "submit", className: "button button-primary" }, words.gate.open)),
  );
  main.replaceChildren(form);
  if (wrong) key.focus();
}

async function run(recordings, options) {
  const sound = new LabSound(); // now, while the click is handled
  const { make_talk } = TRANSPORTS.find(({ id }) => id === options.transport);
  runner = new Runner(recordings, options, { sound, api, make_talk });
  runner.onprogress = (progress) => live.progress(progress);
  runner.onturn = (turns) => live.show(turns);
  sound.audible = options.listen;
  live.begin(recordings.length, options.repeats);
  setup.running = true;
  runs.running = true;
  let failed = null;
  const wake_lock = await keepAwake();
  try {
    await sound.start();
    await runner.run();
  } catch (problem) {
    failed = problem;
  }
  wake_lock.release();
  await sound.close();
  live.end();
  setup.running = false;
  runs.running = false;
  const made = runner;
  runner = null;
  if (made.repeats.some((turns) => turns.length > 0)) {
    runs.add(describe(made, recordings, options, failed !== null));
    announce(words.live.done);
  } else if (made.troubles.length > 0 && failed === null) {
    failed = new Problem("lab.nothing", { detail: made.troubles.join(" ") });
  }
  if (failed === null) return;
  if (!(failed instanceof Problem)) throw failed;
  await ask({
    title: (strings.problems[failed.code] ?? strings.problems["server.failed"]).title,
    body: failed.detail || words.failed[failed.code] || (strings.problems[failed.code] ?? strings.problems["server.failed"]).body,
    choices: [{ value: "close", label: strings.problems.close, kind: "primary" }],
    on_escape: "close",
    role: "alertdialog",
  });
}

/** Return a run as it is kept. */
function describe(made, recordings, options, failed) {
  const { machine: computer, version, engines, settings_digest } = overview;
  const fixed_wait_ms = options.silence_ms ?? overview.fixed_wait_ms;
  return {
    id: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`,
    name: options.name || words.runs.default_name(recordings[0].name, recordings.length, waitOf(fixed_wait_ms)),
    machine: computer,
    about: {
      date: new Date().toISOString().replace(/\.\d+Z$/, "+00:00"),
      version,
      card: [...made.cards].join(", "),
      recordings: recordings.map(({ name }) => name),
      pace: "real",
      as_recorded: options.as_recorded,
      url: location.origin,
      engines,
      untold: [],
      settings_digest,
      transport: options.transport,
      fixed_wait_ms,
      browser: navigator.userAgent,
    },
    repeats: made.repeats.filter((turns) => turns.length > 0),
    sessions: made.sessions,
    troubles: [...new Set(made.troubles)],
    topics_told: [...made.topics_told],
    stopped: made.stopped || failed,
  };
}

function localStorageIfAny() {
  try {
    return window.localStorage;
  } catch {
    return null; // forbidden in this browser
  }
}

window.addEventListener("beforeunload", (event) => {
  if (runner !== null) event.preventDefault();
});

// The link may be opened in a tab that has the page already.
window.addEventListener("hashchange", () => {
  takeKey();
  begin();
});

takeKey();
begin();
