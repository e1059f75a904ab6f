// Messages on this device: whether it can have them, and the switch. On every page of somebody who is logged in, so that
// a subscription that the browser has changed comes to the house again.
"use strict";
(() => {
  const place = document.querySelector("[data-push]");
  const URLS = { push: place?.dataset.pushUrl ?? "/notifications/push/", key: place?.dataset.key ?? "/notifications/push/key/" };
  // What the house was last told: {endpoint, id, who}.
  const SENT = "fairwatch-push";
  const ASKED = "fairwatch-push-asked";
  const WHO = document.querySelector(".house-menu-who bdi")?.textContent ?? "";
  const WORDS = {
    insecure: "Messages need an encrypted connection (https); this one is not.",
    home: "On an iPhone or iPad, first put this site on the Home Screen: tap Share, then «Add to Home Screen», and open it from there.",
    old: "This iPhone or iPad cannot show messages of sites; that needs iOS 16.4 or newer.",
    none: "This browser cannot show messages of sites. Firefox, Chrome, Edge and Safari can.",
    private: "This browser does not keep what messages need. A private window cannot be told.",
    denied: "This browser blocks messages of this site. Allow them in its settings for this site, then come back.",
    off: "This device is not told of anything yet.",
    on: "This device is told, also while this site is closed.",
    paused: "This device is switched off below.",
    asking: "Your browser asks whether it may…",
    working: "One moment…",
    dismissed: "You have not allowed it. Nothing has changed.",
    service: "The browser’s maker, who carries messages to it, cannot be reached now. Is this device on the Internet? Try again later.",
    offline: "The house cannot be reached now. Try again later.",
  };

  function cannot() {
    if (!window.isSecureContext) return "insecure";
    if (navigator.standalone === false && !("PushManager" in window)) return "home";
    if (navigator.standalone === true && !("PushManager" in window)) return "old";
    if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return "none";
    return Notification.permission === "denied" ? "denied" : "";
  }

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const same = (one, other) => one.length === other.length && one.every((value, at) => value === other[at]);

  class Refused extends Error {}

  async function ask(url, method, body) {
    const headers = { Accept: "application/json", ...JSON.parse(document.body.getAttribute("hx-headers") ?? "{}") };
    if (body) headers["Content-Type"] = "application/json";
    let reply;
    try {
      reply = await fetch(url, { method, headers, body: body && JSON.stringify(body), redirect: "error", cache: "no-store" });
    } catch {
      throw new Refused(WORDS.offline);
    }
    if (reply.ok) return reply.status === 204 ? null : reply.json();
    const told = await reply.json().catch(() => null);
    throw new Refused(told?.error?.message ?? `The house answered ${reply.status}.`);
  }

  // The worker, or null where the browser holds none (private windows).
  async function worker() {
    const late = new Promise((done) => { setTimeout(done, 10_000, null); });
    return Promise.race([navigator.serviceWorker.ready, late]);
  }

  async function current() {
    const registration = await worker();
    return registration ? registration.pushManager.getSubscription() : null;
  }

  async function send(subscription) {
    const json = subscription.toJSON();
    const { id } = await ask(URLS.push, "POST", { subscription: { endpoint: json.endpoint, keys: json.keys }, name: "" });
    localStorage.setItem(SENT, JSON.stringify({ endpoint: json.endpoint, id, who: WHO }));
  }

  async function subscribe() {
    const registration = await worker();
    if (!registration) throw new Refused(WORDS.private);
    const key = bytes((await ask(URLS.key, "GET")).key);
    let found = await registration.pushManager.getSubscription();
    const had = found?.options?.applicationServerKey;
    if (found && had && !same(new Uint8Array(had), key)) {
      // Of another house at this address, or from before its keys were made anew.
      await found.unsubscribe();
      found = null;
    }
    try {
      found ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    } catch (fault) {
      throw new Refused(fault.name === "NotAllowedError" ? WORDS.denied : WORDS.service);
    }
    await send(found);
  }

  // What this person has told the house of this browser; null for nothing, or somebody else's.
  function sent() {
    try {
      const found = JSON.parse(localStorage.getItem(SENT));
      return found?.who === WHO ? found : null;
    } catch {
      return null;
    }
  }

  // What the browser changed by itself, and what ended with a log-in. Nothing else is sent unasked: who has removed this
  // device has meant it.
  async function again() {
    const told = sent();
    if (!told || cannot() || Notification.permission !== "granted") return false;
    const found = await current();
    if (!found || (found.endpoint === told.endpoint && await standing(told.id) !== "ended")) return false;
    await send(found);
    return true;
  }

  // How the house has this device; asked once for each tab and log-in, with which the cookie against forgery changes.
  async function standing(id) {
    if (place) return stands(id);
    const login = /csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
    if (sessionStorage.getItem(ASKED) === login) return "";
    sessionStorage.setItem(ASKED, login);
    return (await ask(`${URLS.key}?id=${id}`, "GET")).stands;
  }

  if (!place) {
    addEventListener("load", () => again().catch(() => {}));
    return;
  }

  // The page with the switch.
  const words = place.querySelector("[data-push-words]");
  const more = place.querySelector("[data-push-more]");
  const on = place.querySelector("[data-push-on]");
  const off = place.querySelector("[data-push-off]");

  function show(text, { canTurnOn = false, canTurnOff = false, insecure = false } = {}) {
    words.textContent = text;
    const hadFocus = document.activeElement === on || document.activeElement === off;
    on.hidden = !canTurnOn;
    off.hidden = !canTurnOff;
    on.parentElement.hidden = !canTurnOn && !canTurnOff;
    more.hidden = !insecure;
    if (hadFocus) (canTurnOn ? on : canTurnOff ? off : words).focus();
  }

  // How the house has this device: on, paused, ended, or "" for not (any more).
  function stands(id) {
    const found = (place.dataset.known ?? "").split(" ").map((one) => one.split(":")).find(([known]) => known === String(id));
    return found ? found[1] : "";
  }

  async function tell() {
    const why = cannot();
    if (why) return show(WORDS[why], { insecure: why === "insecure" });
    if (Notification.permission !== "granted") return show(WORDS.off, { canTurnOn: true });
    // Not when this page was loaded anew for that just now.
    if (!sessionStorage.getItem(SENT) && await again().catch(() => false)) return anew();
    const [found, told] = [await current(), sent()];
    const known = found && told ? stands(told.id) : "";
    return show(WORDS[known || "off"], { canTurnOn: known !== "on", canTurnOff: known !== "" });
  }

  async function turnOn() {
    show(WORDS.asking);
    // First of all: browsers ask only in answer to a touch.
    const answer = await Notification.requestPermission();
    if (answer !== "granted") return show(WORDS[answer === "denied" ? "denied" : "dismissed"], { canTurnOn: answer !== "denied" });
    show(WORDS.working);
    await subscribe();
    return anew();
  }

  async function turnOff() {
    show(WORDS.working);
    const found = await current();
    if (found) {
      await ask(URLS.push, "DELETE", { endpoint: found.endpoint });
      await found.unsubscribe();
    }
    localStorage.removeItem(SENT);
    return anew();
  }

  // The page lists this device among others: it is loaded again, and whoever uses keys stays where they were.
  function anew() {
    sessionStorage.setItem(SENT, "here");
    location.reload();
  }

  function act(button, work) {
    button.addEventListener("click", async () => {
      try {
        await work();
      } catch (fault) {
        await tell();
        words.textContent = fault instanceof Refused ? fault.message : WORDS.service;
      }
    });
  }

  words.tabIndex = -1;
  act(on, turnOn);
  act(off, turnOff);
  // Permissions may be given or taken in the browser's own settings meanwhile.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tell(); });
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    if (data?.subscription) again().then(() => location.reload(), tell);
  });
  tell().then(() => {
    if (sessionStorage.getItem(SENT)) (on.hidden ? (off.hidden ? words : off) : on).focus();
    sessionStorage.removeItem(SENT);
  }).catch(() => {});
})();
