// The webcam page: one button starts this device's camera and the line to the house; everything else says how it goes.

import { Camera } from "./webcam-camera.js";
import { Line, LARGEST } from "./webcam-line.js";
import { NO_HOUSE, PAUSED, TOO_LARGE, UNPLUGGED, cameraWords, deviceWords, rateWords, speedWords } from "./webcam-words.js";

const find = (id) => document.getElementById(`webcam-${id}`);
const root = document.getElementById("webcam");
const stage = root.querySelector(".webcam-stage");
const joins = "joins" in root.dataset;
const which = find("which"), rate = find("rate"), size = find("size"), button = find("button");
const camera = new Camera(find("picture"), { ended: () => stop(UNPLUGGED), paused: tellPaused });

let secret = joins ? takeSecret() : "";
let line = null, beat = null, lock = null, grabbing = false;
let name = root.dataset.cameraName ?? "", houseRate = 10;
let sent = 0, taken = 0, answered = "", flow = [], readyAt = 0;

/** The secret of a join link stands behind the #; from there it goes into memory and out of the address. */
function takeSecret() {
  const found = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  return /^[\w-]{20,200}$/.test(found) ? found : "";
}

function say(words) { find("say").textContent = words; }

function trouble(words, link = null) {
  find("trouble").hidden = !words;
  find("trouble-words").replaceChildren(words);
  if (words && link) {
    const anchor = document.createElement("a");
    [anchor.href, anchor.textContent] = link;
    find("trouble-words").append(" ", anchor);
  }
}

function light(state, words) {
  stage.dataset.state = state;
  find("light").textContent = words;
}

const chosenRate = () => Number(rate.value);
const nowRate = () => Math.min(chosenRate(), houseRate);

function tellSending() {
  const slow = nowRate() < chosenRate() ? " The house is busy and takes no more just now." : "";
  say(`You are sending ${rateWords(nowRate())} to ${root.dataset.house}.${slow}`);
  light("sending", `● Sending${name ? ` · ${name}` : ""}`);
}

function tellPaused(is) {
  trouble(is ? PAUSED : "");
  if (!is) {
    tellSending();
    return;
  }
  say("Nothing is sent just now.");
  light("lost", "◐ The camera is paused");
}

function figures() {
  const now = performance.now();
  flow = flow.filter((one) => now - one.at < 5_000);
  const seconds = flow.length ? Math.max(1, (now - flow[0].at) / 1000) : 1;
  find("sent").textContent = sent;
  find("taken").textContent = taken;
  find("speed").textContent = speedWords(flow.reduce((sum, one) => sum + one.bytes, 0) / seconds);
  find("answer").textContent = answered || "–";
}

// The beat: when the next picture is due.

function setBeat(on) {
  beat ??= startBeat();
  beat.postMessage(on ? 1000 / nowRate() : 0);
}

function startBeat() {
  try {
    const worker = new Worker(root.dataset.beat);
    worker.onmessage = tick;
    return worker;
  } catch {
    let timer = 0;
    return { postMessage(ms) { clearInterval(timer); if (ms) timer = setInterval(tick, ms); } };
  }
}

async function tick() {
  if (grabbing || !line?.ready) return;
  grabbing = true;
  try {
    const captured = line.clock.now();
    const grabbed = await camera.grab(Number(size.value));
    if (!grabbed || !line) return;
    if (grabbed.blob.size > LARGEST) {
      if (!camera.coarser()) trouble(TOO_LARGE);
      return;
    }
    if (await line.send(captured, grabbed.blob)) {
      sent += 1;
      flow.push({ at: performance.now(), bytes: grabbed.blob.size });
      find("pixels").textContent = `${grabbed.width} × ${grabbed.height}`;
    }
  } finally {
    grabbing = false;
    figures();
  }
}

// The line

function newLine() {
  const { socket, frames, csrf } = root.dataset;
  return new Line({ socket, frames, csrf, join: secret }, {
    ready(hello) {
      name = hello.name;
      readyAt = performance.now();
      trouble("");
      answered = line.byPosts ? "Connected, by single requests" : "Connected";
      if (joins) find("title").textContent = `Be the camera «${name}» of ${hello.house}`;
      houseRate = hello.rate;
      showSharing(hello.camera);
      setBeat(true);
      tellSending();
      tick();
    },
    taken(more, newRate) {
      taken += more;
      if (more) {
        answered = "Pictures are taken";
        // The answer to an earlier picture may come when the camera has been paused since.
        if (!camera.paused) {
          trouble("");
          if (stage.dataset.state !== "sending") tellSending();
        }
      }
      if (newRate !== houseRate) {
        houseRate = newRate;
        setBeat(true);
        if (stage.dataset.state === "sending") tellSending();
      }
      figures();
    },
    trouble(error) {
      answered = error.message;
      // A camera that was made or switched on just now needs a moment.
      if (error.code === "camera_down" && performance.now() - readyAt < 8_000) answered = "Getting ready";
      else {
        trouble(error.message);
        say("The house takes no pictures from here just now.");
        light("lost", "▲ Not taken");
      }
      figures();
    },
    lost() {
      trouble(NO_HOUSE);
      say("Nothing is sent just now.");
      light("lost", "▲ Not connected, trying again");
      answered = "Nothing";
      figures();
    },
    over(error) {
      stop(error.message, error.code === "logged_out" ? ["/accounts/login/?next=/webcam/", "Log in"] : null);
      answered = error.message;
      if (joins && error.code === "link_over") {
        secret = "";
        button.disabled = true;
      }
      figures();
    },
  });
}

function showSharing(slug) {
  find("unmade")?.remove();
  for (const link of [find("sharing"), find("links")]) {
    if (!link) continue;
    link.href = link.dataset.pattern.replace("SLUG", slug);
    link.hidden = false;
  }
}

// Start and stop

async function start() {
  trouble("");
  [sent, taken, houseRate, flow] = [0, 0, 10, []];
  button.disabled = true;
  light("starting", "◌ Starting");
  find("lower").hidden = false;
  say("Starting the camera. The browser may ask whether it is allowed.");
  const good = await openCamera();
  button.disabled = false;
  if (!good) return;
  button.textContent = "Stop";
  button.classList.replace("btn-primary", "btn-danger");
  find("front").hidden = false;
  say("Connecting to the house.");
  light("starting", "◌ Connecting");
  line = newLine();
  line.open();
  keepAwake();
}

async function openCamera() {
  try {
    await camera.open(which.value, Number(size.value));
  } catch (error) {
    stop(cameraWords(error));
    return false;
  }
  camera.finest();
  find("picture").hidden = false;
  find("none").hidden = true;
  await listCameras();
  return true;
}

function stop(words = "", link = null) {
  line?.close();
  line = null;
  setBeat(false);
  camera.close();
  lock?.release();
  lock = null;
  button.textContent = "Start sending";
  button.classList.replace("btn-danger", "btn-primary");
  button.disabled = false;
  find("picture").hidden = find("lower").hidden = find("front").hidden = true;
  find("none").hidden = false;
  stage.dataset.state = "idle";
  say(sent ? `Stopped. ${sent === 1 ? "1 picture was" : `${sent} pictures were`} sent.` : "Nothing is sent.");
  trouble(words, link);
  figures();
}

async function listCameras() {
  const devices = await camera.list();
  if (!devices.length || !devices[0].label) return;
  which.replaceChildren(...devices.map((one, at) => new Option(deviceWords(one.label, at + 1), one.deviceId)));
  if (camera.deviceId) which.value = camera.deviceId;
}

async function keepAwake() {
  if (!navigator.wakeLock || document.visibilityState !== "visible" || !line) return;
  try {
    lock = await navigator.wakeLock.request("screen");
  } catch {
    lock = null; // low battery, or the page went to the background meanwhile: it goes on without
  }
}

async function reopen() {
  if (!line) return;
  const good = await openCamera();
  // Stopped while the camera was being opened: it must not stay on.
  if (good && !line) stop();
}

function begin() {
  if (!window.isSecureContext) {
    document.getElementById("webcam-insecure").hidden = false;
    root.hidden = true;
    return;
  }
  root.hidden = false;
  if (!navigator.mediaDevices?.getUserMedia) {
    trouble(cameraWords(new TypeError()));
    button.disabled = true;
  } else if (joins) {
    find("no-secret").hidden = Boolean(secret);
    button.disabled = !secret;
  }
}

button.addEventListener("click", () => (line ? stop() : start()));
which.addEventListener("change", reopen);
size.addEventListener("change", reopen);
rate.addEventListener("change", () => { if (line?.ready) { setBeat(true); tellSending(); } });
document.addEventListener("visibilitychange", keepAwake);
navigator.mediaDevices?.addEventListener?.("devicechange", () => { if (camera.running) listCameras(); });
window.addEventListener("pagehide", () => { if (line) stop(); });
if (joins) window.addEventListener("hashchange", () => { if (location.hash.length > 1) { secret = takeSecret(); stop(); begin(); } });
begin();
