// The service worker. It keeps one page for when the house cannot be reached, shows what the house pushes, and leaves
// everything else alone: it answers for no stream, socket, picture or script. VERSION and KEPT stand above.
const CACHE = `fairwatch-${VERSION}`;
const OFFLINE = KEPT[0];
// Navigations that end in a file or never end.
const NOT_A_PAGE = /\/(?:download|file|zip|playable)\/$|[^/]$/;
const IMAGE_SECONDS = 4;
const MOST_IMAGE = 512 * 1024;
const LONGEST = 300;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    // Past the browser's own cache: what is kept belongs to this version.
    await cache.addAll(KEPT.map((path) => new Request(path, { cache: "reload", credentials: "omit" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith("fairwatch-") && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.registration.navigationPreload?.enable();
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && request.method === "GET" && !NOT_A_PAGE.test(url.pathname)) {
    event.respondWith(page(event));
  } else if (KEPT.includes(url.pathname)) {
    // The offline page's own; no other page has them.
    event.respondWith(kept(request));
  }
});

async function page(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch (fault) {
    const stands = await caches.match(OFFLINE, { cacheName: CACHE });
    if (!stands) throw fault;
    return stands;
  }
}

async function kept(request) {
  try {
    return await fetch(request);
  } catch (fault) {
    const found = await caches.match(new URL(request.url).pathname, { cacheName: CACHE });
    if (!found) throw fault;
    return found;
  }
}

// What is pushed. Browsers take the right away from whoever gets a push and shows nothing: something is always shown.

self.addEventListener("push", (event) => { event.waitUntil(show(read(event.data))); });

function read(data) {
  let told = null;
  try { told = data?.json(); } catch { /* told below in general words */ }
  if (typeof told !== "object" || told === null || Array.isArray(told)) told = {};
  const text = (value, other) => (typeof value === "string" && value ? value.slice(0, LONGEST) : other);
  const actions = Array.isArray(told.actions) ? told.actions.filter((one) => one && text(one.action, "") && text(one.title, "")) : [];
  const title = text(told.title, "");
  return {
    title: title || "Something happened in the house",
    body: text(told.body, title ? "" : "Open to look."),
    tag: text(told.tag, "house"),
    topic: text(told.topic, ""),
    url: own(told.url) ?? own("/"),
    image: own(told.image),
    actions: actions.slice(0, 2).map((one) => ({ action: one.action, title: one.title, url: own(one.url) ?? own(told.url) ?? own("/") })),
    badge: Number.isInteger(told.badge) && told.badge >= 0 ? told.badge : null,
    at: Number.isFinite(told.at) ? Math.round(told.at * 1_000) : Date.now(),
  };
}

// An address of the house, from a message or an old notification; null for any other.
function own(path) {
  if (typeof path !== "string" || !path) return null;
  try {
    const url = new URL(path, self.location.origin);
    return url.origin === self.location.origin ? url.href : null;
  } catch {
    return null;
  }
}

async function show(told) {
  const isRing = told.topic === "ring";
  const options = {
    body: told.body,
    tag: told.tag,
    icon: "/static/icons/app-192.png",
    badge: "/static/icons/badge-96.png",
    timestamp: told.at,
    renotify: true,
    requireInteraction: isRing,
    vibrate: isRing ? [300, 150, 300, 150, 300] : [200],
    actions: told.actions.map(({ action, title }) => ({ action, title })),
    data: { url: told.url, actions: Object.fromEntries(told.actions.map(({ action, url }) => [action, url])) },
  };
  // At once: a picture may take seconds over a bad line, and a ring may not. It is put in where there is a place for it.
  await self.registration.showNotification(told.title, options);
  await mark(told.badge);
  if (!told.image || !("image" in Notification.prototype)) return;
  const image = await picture(told.image);
  const [shown] = await self.registration.getNotifications({ tag: told.tag });
  // Whoever has waved it away, or was told something newer meanwhile, is left alone.
  if (!image || !shown || shown.timestamp !== options.timestamp) return;
  await self.registration.showNotification(told.title, { ...options, image, renotify: false, silent: true, vibrate: undefined });
}

// Only this browser's log-in opens it, and only who may see it gets it; whoever shows the notification cannot fetch it.
async function picture(url) {
  try {
    const reply = await fetch(url, { credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(IMAGE_SECONDS * 1_000) });
    const type = reply.headers.get("Content-Type") ?? "";
    if (!reply.ok || !/^image\/(jpeg|png|webp)$/.test(type)) return null;
    const bytes = new Uint8Array(await reply.arrayBuffer());
    if (!bytes.length || bytes.length > MOST_IMAGE) return null;
    let text = "";
    for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
    return `data:${type};base64,${btoa(text)}`;
  } catch {
    return null;
  }
}

async function mark(number) {
  if (number === null || !self.navigator.setAppBadge) return;
  try {
    await (number ? self.navigator.setAppBadge(number) : self.navigator.clearAppBadge());
  } catch { /* not installed, or not allowed: the notification says it all the same */ }
}

self.addEventListener("notificationclick", (event) => {
  const { data, tag } = event.notification;
  event.notification.close();
  event.waitUntil(open(own(data?.actions?.[event.action]) ?? own(data?.url) ?? own("/"), tag));
});

async function open(url) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((one) => one.url === url);
  if (there) return there.focus();
  // A page that somebody looks at is not taken away from them; one in the back is used again.
  const back = pages.find((one) => one.visibilityState !== "visible" && "navigate" in one);
  if (back) {
    try {
      const gone = await back.navigate(url);
      if (gone) return await gone.focus();
    } catch { /* not one of this worker's pages: a new one is opened */ }
  }
  return self.clients.openWindow(url);
}

// The browser has changed its subscription: pages send the new one to the house when they are next open (push.js).
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil((async () => {
    const options = event.oldSubscription?.options;
    if (options && !event.newSubscription) await self.registration.pushManager.subscribe(options).catch(() => null);
    const pages = await self.clients.matchAll({ type: "window" });
    for (const one of pages) one.postMessage({ subscription: "changed" });
  })());
});
