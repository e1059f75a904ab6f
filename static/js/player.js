// The player's own controls: the clock of the picture, frames, speeds, stills. Without it the browser's controls play.
const root = document.querySelector("[data-player]");
const video = root.querySelector("[data-video]");
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const started = Number(root.dataset.started);
// Seconds between two pictures: measured while it plays; until then a usual value.
let frame = 1 / 25, last = null;

function local(at) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: root.dataset.zone, year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1, hour12: false,
  }).formatToParts(at * 1000);
  return Object.fromEntries(parts.map((part) => [part.type, part.value]));
}

function start() {
  const clock = root.querySelector("[data-clock]"), speed = root.querySelector("[data-speed]");
  const trouble = root.querySelector("[data-trouble]");
  const now = (time = video.currentTime) => local(started + time);

  function tell(time) {
    const at = now(time);
    clock.textContent = `${at.hour}:${at.minute}:${at.second}.${at.fractionalSecond}`;
    clock.dateTime = new Date((started + (time ?? video.currentTime)) * 1000).toISOString();
  }
  function onFrame(_, facts) {
    const gap = last === null ? 0 : facts.mediaTime - last;
    if (gap > 0.001 && gap < 2 && !video.paused) frame = gap;
    last = facts.mediaTime;
    tell(facts.mediaTime);
    video.requestVideoFrameCallback(onFrame);
  }
  function seek(time) {
    const end = Number.isFinite(video.duration) ? video.duration : Infinity;
    video.currentTime = Math.min(Math.max(0, time), end);
    tell();
  }
  function step(frames) {
    video.pause();
    seek(video.currentTime + frames * frame);
  }
  function faster(by) {
    const next = SPEEDS[SPEEDS.indexOf(video.playbackRate) + by];
    if (next) video.playbackRate = next;
  }
  function still() {
    const at = now(), canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      if (!blob) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${root.dataset.name} ${at.year}-${at.month}-${at.day} ${at.hour}-${at.minute}-${at.second}.${at.fractionalSecond}.jpg`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    }, "image/jpeg", 0.92);
  }
  function failed() {
    const hevc = document.querySelector("#playable form");
    trouble.textContent = hevc
      ? "Your browser cannot play this kind of video. Make it playable below, or download it."
      : "Your browser cannot play this file, or it is not there any more. Try to download it.";
    trouble.hidden = false;
  }
  const keys = {
    " ": () => (video.paused ? video.play() : video.pause()),
    k: () => (video.paused ? video.play() : video.pause()),
    j: () => seek(video.currentTime - 10), l: () => seek(video.currentTime + 10),
    ",": () => step(-1), ".": () => step(1), "<": () => faster(-1), ">": () => faster(1),
    s: () => root.querySelector("[data-still]")?.click(),
  };

  root.querySelectorAll("[data-move]").forEach((one) => one.addEventListener("click", () => seek(video.currentTime + Number(one.dataset.move))));
  root.querySelectorAll("[data-frame]").forEach((one) => one.addEventListener("click", () => step(Number(one.dataset.frame))));
  root.querySelector("[data-still]")?.addEventListener("click", still);
  root.querySelectorAll("[data-seek]").forEach((one) => one.addEventListener("click", (event) => {
    event.preventDefault();
    seek(Number(one.dataset.seek));
    video.play();
    video.scrollIntoView({ block: "nearest" });
  }));
  speed.addEventListener("change", () => { video.playbackRate = Number(speed.value); });
  video.addEventListener("ratechange", () => { if (SPEEDS.includes(video.playbackRate)) speed.value = String(video.playbackRate); });
  ["seeked", "timeupdate", "loadedmetadata"].forEach((name) => video.addEventListener(name, () => tell()));
  video.addEventListener("error", failed);
  video.addEventListener("loadeddata", () => { trouble.hidden = true; });
  if (video.error) failed();
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(onFrame);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    // What has the focus takes the space bar itself: a button, a link, the browser's own controls.
    if (event.key === " " && event.target.closest("button, a, summary, video")) return;
    const act = keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  // The copy has been made while the page was open: play it where the original stood.
  document.addEventListener("htmx:afterSettle", () => {
    const ready = document.querySelector("#playable [data-ready]");
    if (!ready || new URL(video.src).pathname === ready.pathname) return;
    const at = video.currentTime;
    video.src = ready.href + (at ? `#t=${at.toFixed(1)}` : "");
  });
  // A segment that goes on in the next file plays on there.
  video.addEventListener("ended", () => { if (root.dataset.next) location.assign(root.dataset.next); });
  if (new URLSearchParams(location.search).has("play")) video.play().catch(() => {});
  tell();
}

if (video) start();
