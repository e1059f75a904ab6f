// What only the browser can tell the owner's self-check: where it thinks it is, and whether a WebSocket comes through.
"use strict";
(() => {
  const list = document.getElementById("findings");
  if (!list) return;
  const { host, scheme } = list.dataset;
  const trusted = list.dataset.trusted.split(" ").filter(Boolean);
  const SHAPES = { good: "● Good", wrong: "▲ Wrong", unknown: "◌ Checking" };

  function say(name, verdict, words, line) {
    const item = document.getElementById(`finding-${name}`);
    item.className = `finding finding-${verdict}`;
    item.querySelector(".verdict").textContent = SHAPES[verdict];
    item.querySelector(".words").textContent = words;
    item.querySelectorAll(".env").forEach((line) => { line.hidden = true; });
    const place = item.querySelector("[data-line]");
    place.hidden = !line;
    place.firstElementChild.textContent = line || "";
  }

  const here = location.host.toLowerCase();
  if (here !== host.toLowerCase()) {
    say("name", "wrong", `Your browser is at ${here}, the house is told ${host}. Let the proxy pass the name on as it came (nginx: proxy_set_header Host $http_host;), and add it to ALLOWED_HOSTS.`);
  }
  if (location.protocol === "https:" && scheme === "http" && document.querySelector("#finding-encryption.finding-note")) {
    say("encryption", "wrong", "Your browser came by https, the house is not told. Let the proxy send X-Forwarded-Proto, then set its address in TRUSTED_PROXIES, and:", "TLS=proxy");
    say("cookie", "wrong", "It also travels unencrypted, as TLS=off.");
  }
  const origin = location.origin.toLowerCase();
  if (origin === `${scheme}://${host}`.toLowerCase() || trusted.includes(origin)) {
    say("forms", "good", `Forms from ${origin} are accepted.`);
  } else {
    say("forms", "wrong", `The browser is at ${origin}, the house thinks it is at ${scheme}://${host}: forms and live pictures are refused. Better than this line: let the proxy pass on name and scheme.`, `CSRF_TRUSTED_ORIGINS=${origin}`);
  }

  const WAIT_MS = 6000;
  say("websocket", "unknown", "Whether live pictures come through (WebSocket) is being tried.");
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/live/`);
  let told = false;
  const tell = (verdict, words) => {
    if (told) return;
    told = true;
    say("websocket", verdict, words);
    socket.close();
  };
  const failed = "No WebSocket comes through, so pages show no live pictures. The proxy has to pass on the headers Upgrade and Connection and the name as it came (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;).";
  socket.addEventListener("open", () => socket.send(JSON.stringify({ ping: performance.now() / 1000 })));
  socket.addEventListener("message", () => tell("good", "Live pictures come through (WebSocket)."));
  socket.addEventListener("error", () => tell("wrong", failed));
  socket.addEventListener("close", () => tell("wrong", failed));
  setTimeout(() => tell("wrong", failed), WAIT_MS);
})();
