// The screen at the door: rings, says what is answered, and stays itself whatever happens to the line or the house.

import { HouseClock, local } from "./live-clock.js";
import { Line } from "./kiosk-line.js";
import { Presses } from "./kiosk-presses.js";
import { Screen } from "./kiosk-screen.js";
import { Voice } from "./kiosk-voice.js";
import { Watch } from "./kiosk-watch.js";

// Milliseconds, where nothing else is said.
const POLL = 20_000;
const POLL_WITHOUT_LINE = 4_000;
const AWAY_AFTER = 12_000;
// A finger that trembles rings once.
const APART = 1_500;
// Seconds
const ANSWER_SHOWN = 45;
const ANSWER_OLD = 120;
const STILL_HERE = 90;
const JUST_NOW = 20;

let state = JSON.parse(document.querySelector("#kiosk-state").textContent);
const clock = new HouseClock();
const opened = performance.getEntriesByType("navigation")[0];
if (opened?.responseStart) {
  const began = performance.timeOrigin / 1000;
  clock.add(began + opened.requestStart / 1000, began + opened.responseStart / 1000, state.now);
}
const screen = new Screen(state, clock);
const voice = new Voice();
let csrf = document.body.dataset.csrf;
let heardAt = performance.now();
let happened = performance.now();
let pressedAt = -Infinity;
let current = "";
let byPointer = false;
const toldKept = new Set();
const shown = new Set();

// What the house says

function take(news) {
  state = news;
  csrf = news.csrf;
  voice.silent = news.silent;
  voice.language = news.language;
  screen.take(news);
  heed(news.rings);
  watch.good();
}

function heard() {
  heardAt = performance.now();
  look();
}

/** Ask for the state; whether the house has told it. */
async function refresh() {
  const began = local();
  try {
    const reply = await fetch("/kiosk/state/", { cache: "no-store", signal: AbortSignal.timeout(8_000) });
    if (reply.status === 401 || reply.status === 403) {
      await watch.reload(true);
      return false;
    }
    if (!reply.ok) return false;
    const news = await reply.json();
    clock.add(began, local(), news.now);
    heard();
    take(news);
    return true;
  } catch {
    look();
    return false;
  }
}

let asking = 0;
async function ask() {
  clearTimeout(asking);
  await refresh();
  clearTimeout(asking);
  asking = setTimeout(ask, line.isOpen ? POLL : POLL_WITHOUT_LINE);
}

/** Say what is wrong with the line, if anything. */
function look() {
  const away = performance.now() - heardAt;
  if (away > AWAY_AFTER) {
    const since = clock.known ? screen.told(clock.now() - away / 1000) : "…";
    screen.line(screen.words("line", { time: since }));
  } else screen.line(state.engine ? "" : screen.words("engine"));
}

// Answers

function heed(rings) {
  for (const ring of rings) {
    if (ring.camera !== state.camera) continue;
    if (!ring.answers?.length) {
      told(ring);
      continue;
    }
    const said = ring.answers.findLastIndex((one) => one.text);
    const number = said >= 0 ? said : ring.answers.length - 1;
    const key = `${ring.id}:${number}`;
    const answer = ring.answers[number];
    if (shown.has(key) || clock.now() - Date.parse(answer.at) / 1000 > ANSWER_OLD) continue;
    shown.add(key);
    tell(answer, key);
  }
}

/** Somebody rings here: by this screen's button or by another one beside it. The house knows, or it would not say so. */
function told(ring) {
  const key = `${ring.id}:${ring.last_at}`;
  if (shown.has(key) || clock.now() - Date.parse(ring.last_at) / 1000 > JUST_NOW) return;
  shown.add(key);
  happened = performance.now();
  if (!screen.speaking) screen.say(screen.words("known"), { seconds: 30 });
}

function tell(answer, key) {
  happened = performance.now();
  const text = answer.text || screen.words("sees");
  screen.say(text, { by: answer.by, tone: "answer", seconds: ANSWER_SHOWN });
  if (!wasSpoken(key)) voice.say(text);
}

/** A page that begins anew shows the answer again, but does not say it twice. */
function wasSpoken(key) {
  try {
    if (sessionStorage.getItem("fairwatch-spoken") === key) return true;
    sessionStorage.setItem("fairwatch-spoken", key);
  } catch {
    // Then it is said twice, rather than not at all.
  }
  return false;
}

// The button

function press() {
  if (screen.button.disabled || performance.now() - pressedAt < APART) return;
  pressedAt = happened = performance.now();
  screen.button.dataset.pressed = "";
  setTimeout(() => delete screen.button.dataset.pressed, 700);
  screen.say(screen.words("ringing"), { seconds: 15 });
  current = presses.add().id;
}

const ago = (one) => (one.at !== null && clock.known ? clock.now() - one.at : Date.now() / 1000 - one.local);

const watch = new Watch({
  idle: () => (screen.speaking ? 0 : performance.now() - happened),
  hour: () => screen.hour(),
  version: () => state.version,
});
const presses = new Presses(
  { clock, csrf: () => csrf, refresh },
  {
    taken(one) {
      heard();
      toldKept.delete(one.id);
      if (one.id === current && ago(one) < STILL_HERE) {
        voice.chime();
        screen.say(screen.words("known"), { seconds: 30 });
      } else if (!screen.speaking) {
        const at = one.at ?? clock.now() - ago(one);
        screen.say(screen.words("late", { time: screen.told(at) }), { seconds: 20 });
      }
    },
    kept(one) {
      if (one.id !== current || toldKept.has(one.id)) return;
      toldKept.add(one.id);
      screen.say(screen.words("kept"), { tone: "warn", seconds: 30 });
    },
    refused(one) {
      toldKept.delete(one.id);
      if (one.id === current) screen.say(screen.words("refused"), { tone: "warn", seconds: 20 });
    },
    out: () => watch.reload(true),
  },
);
const line = new Line({
  heard,
  open() {
    ask();
    presses.hurry();
  },
  // It may have been closed because this screen was sent away.
  lost: () => ask(),
  pong: (sent, received, now) => clock.add(sent, received, now),
  rings: heed,
});

// A press counts when the finger touches, not when it leaves; a keyboard has no finger.
screen.button.addEventListener("pointerdown", (event) => {
  byPointer = true;
  if (event.isPrimary) press();
});
screen.button.addEventListener("click", () => {
  if (!byPointer) press();
  byPointer = false;
});
for (const kind of ["contextmenu", "dragstart", "selectstart"]) {
  document.addEventListener(kind, (event) => event.preventDefault());
}
addEventListener("online", () => presses.hurry());
// A worker that a page for people has left here would put its own page in place of this one while the house is away.
navigator.serviceWorker?.getRegistrations().then((all) => all.forEach((one) => one.unregister())).catch(() => {});
setInterval(look, 2_000);
take(state);
line.connect();
presses.hurry();
asking = setTimeout(ask, POLL_WITHOUT_LINE);
