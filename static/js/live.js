// The wall and the live page: puts tiles, socket and buttons together. Hidden pages do not watch.

import { RecordButton } from "./live-record.js";
import { LiveSocket } from "./live-socket.js";
import { Tile } from "./live-tile.js";

const root = document.querySelector("[data-live]");
const line = document.getElementById("live-line");

function say(words) {
  line.hidden = !words;
  if (line.textContent !== words) line.textContent = words;
}

function start() {
  const size = root.hasAttribute("data-full") ? "full" : "small";
  const elements = [...root.querySelectorAll("[data-camera]")];
  const tiles = new Map();
  const button = root.hasAttribute("data-full") ? new RecordButton(root) : null;
  const wishes = elements.map((element) => ({ camera: element.dataset.camera, as: "jpeg", size }));
  const socket = new LiveSocket(root.dataset.page, wishes, {
    picture: (slug, captured, blob) => tiles.get(slug)?.picture(captured, blob),
    state: (slug, state) => {
      tiles.get(slug)?.state(state);
      button?.state(state);
    },
    error: (slug) => tiles.get(slug)?.forget("You may not watch this camera any more"),
    connection: (how) => connection(how, tiles),
  });
  for (const element of elements) {
    tiles.set(element.dataset.camera, new Tile(element, { clock: socket.clock, me: root.dataset.me, zone: root.dataset.zone }));
  }
  follow(socket);
  setInterval(() => tiles.forEach((tile) => tile.tell()), 250);
  setInterval(() => report(socket, tiles), 5_000);
}

function connection(how, tiles) {
  if (how === "open") say("");
  if (how === "lost") {
    say("No connection to the house. Trying again by itself …");
    tiles.forEach((tile) => tile.lost("No connection"));
  }
  if (how === "out") {
    say("You are logged out. Load the page again to log in.");
    tiles.forEach((tile) => tile.forget("Logged out"));
  }
}

function report(socket, tiles) {
  const measured = {};
  for (const [slug, tile] of tiles) {
    const delay = tile.delay();
    if (delay) measured[slug] = delay;
  }
  if (Object.keys(measured).length) socket.delays(measured);
}

/** Watch while the page can be seen, and only then. */
function follow(socket) {
  const look = () => (document.hidden ? socket.close() : socket.open());
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", () => socket.close());
  window.addEventListener("pageshow", look);
  look();
}

function fullScreen() {
  const button = root.querySelector("[data-fullscreen]");
  const stage = root.querySelector("[data-stage]");
  if (!button || !stage.requestFullscreen) return;
  button.hidden = false;
  button.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen()));
  document.addEventListener("fullscreenchange", () => {
    button.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
  });
}

if (root) {
  fullScreen();
  start();
}
