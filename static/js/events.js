// The list of events keeps itself up to date: what happens comes by /ws/events/, its card from the server, ready made.
const LONGEST_LIST = 300;
const FIRST_RETRY = 1_000, LONGEST_RETRY = 30_000, PING_EVERY = 15_000, SILENCE = 40_000;
const LOGGED_OUT = 4401;
const list = document.getElementById("events");
const line = document.getElementById("events-line");
const older = document.getElementById("events-older");
// Pages of older events stand still; there only a link to what is new appears.
const live = !list.dataset.newest;
const query = list.dataset.query;

/** The cards of a piece of page the server has made, none where it has no answer. */
async function cards(url) {
  const reply = await fetch(url, { headers: { Accept: "text/html" } });
  if (reply.redirected || (!reply.ok && reply.status !== 404)) throw new Error(`${reply.status}`);
  if (reply.status !== 200) return [];
  const piece = new DOMParser().parseFromString(await reply.text(), "text/html");
  return [...piece.querySelectorAll("li[data-event]")].map((card) => document.importNode(card, true));
}

const at = (card) => Number(card.dataset.at);
const id = (card) => Number(card.dataset.event);
const newer = (a, b) => at(a) > at(b) || (at(a) === at(b) && id(a) > id(b));
let news = 0;

/** Put a card where it belongs: in its own place, or before the first that is older. */
function put(card, isNews) {
  const old = document.getElementById(card.id);
  if (old) {
    if (old.dataset.changed === card.dataset.changed) return;
    if (old.classList.contains("event-new")) card.classList.add("event-new");
    const focused = [...old.querySelectorAll("a")].indexOf(document.activeElement);
    old.replaceWith(card);
    if (focused >= 0) card.querySelectorAll("a")[focused]?.focus();
    return;
  }
  const next = [...list.children].find((one) => newer(card, one));
  // Behind the last one stands the next page.
  if (!next && list.children.length && !older.hidden) return;
  list.insertBefore(card, next ?? null);
  document.getElementById("events-empty").hidden = true;
  if (isNews) {
    card.classList.add("event-new");
    news += 1;
    line.textContent = news === 1 ? "1 new event" : `${news} new events`;
  }
  shorten();
}

/** A page that stays open for days does not grow without end. */
function shorten() {
  while (list.children.length > LONGEST_LIST) {
    list.lastElementChild.remove();
    const behind = new URLSearchParams(query);
    behind.set("before", list.lastElementChild.dataset.cursor);
    older.href = `?${behind}`;
    older.hidden = false;
  }
}

// One after the other, each event's newest state only.
const waiting = new Set();
let working = false, catchUp = false, first = true;

async function work() {
  if (working) return;
  working = true;
  try {
    while (catchUp || waiting.size) {
      if (catchUp) {
        catchUp = false;
        const found = live ? await cards(`?${query}${query ? "&" : ""}part=list`) : [];
        // What came while the page was on its way is news as well.
        found.reverse().forEach((card) => put(card, true));
        continue;
      }
      const [one] = waiting;
      waiting.delete(one);
      if (live) (await cards(`${one}/?${query}${query ? "&" : ""}part=card`)).forEach((card) => put(card, true));
      else if (document.getElementById(`e${one}`)) (await cards(`${one}/?part=card`)).forEach((card) => put(card, false));
    }
    // house.js keeps relative times; it looks at new ones when htmx says that a page has changed.
    document.dispatchEvent(new Event("htmx:afterSettle"));
  } catch {
    // The house is busy or away: all is asked for again a little later.
    catchUp = true;
    setTimeout(() => { working = false; work(); }, 5_000);
    return;
  }
  working = false;
}

let retry = FIRST_RETRY, heard = 0, socket = null;

function open() {
  const url = new URL("/ws/events/", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = socket = new WebSocket(url);
  heard = performance.now();
  mine.addEventListener("open", () => {
    retry = FIRST_RETRY;
    if (!first) line.textContent = news ? `${news} new events` : "";
    first = false;
    catchUp = true;
    work();
  });
  mine.addEventListener("message", (message) => {
    if (mine !== socket) return;
    heard = performance.now();
    const told = JSON.parse(message.data);
    if (!told.event) return;
    waiting.add(Number(told.event.id));
    work();
  });
  mine.addEventListener("close", (event) => closed(mine, event.code));
}

function closed(mine, code) {
  if (mine !== socket) return;
  socket = null;
  if (code === LOGGED_OUT) {
    line.textContent = "You are logged out: this list stands still. Reload the page to log in again.";
    return;
  }
  if (!first) line.textContent = "The connection is lost: this list stands still until it is back.";
  setTimeout(open, retry * (0.7 + 0.6 * Math.random()));
  retry = Math.min(retry * 2, LONGEST_RETRY);
}

setInterval(() => {
  if (!socket) return;
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ ping: performance.now() / 1000 }));
  // A line that has died without a word: the browser would wait for minutes.
  if (performance.now() - heard > SILENCE) {
    const dead = socket;
    closed(dead, 0);
    dead.close();
  }
}, PING_EVERY);
open();
