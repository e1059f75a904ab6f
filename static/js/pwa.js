// The pages as an app: the service worker, the number on the app's icon, iOS's opening picture, and the offer to install.
"use strict";
(() => {
  // iPhones and iPads alone have this; false: in the browser, true: from the Home Screen.
  const isApple = "standalone" in navigator;
  const isPerson = document.body.hasAttribute("hx-headers");

  // Without https browsers have no workers; everything else works as before.
  if (window.isSecureContext && "serviceWorker" in navigator) {
    addEventListener("load", () => {
      navigator.serviceWorker.register("/sw.js", { scope: "/", updateViaCache: "none" })
        .catch((fault) => console.warn("no service worker:", fault.message));
    });
  }

  // Rings missed and events unseen, as the house tells them to the page.
  async function mark(number) {
    try {
      await (number > 0 ? navigator.setAppBadge(number) : navigator.clearAppBadge());
    } catch { /* not installed, or not allowed */ }
  }
  if ("setAppBadge" in navigator) {
    document.addEventListener("fairwatch:badge", ({ detail }) => {
      mark(Math.max(Number(detail?.missed) || 0, Number(detail?.unseen) || 0));
    });
    // What one person has not seen is nobody else's to know.
    if (!isPerson) mark(0);
  }

  // iOS takes the picture that has exactly the screen's pixels, and shows none otherwise.
  if (isApple) {
    const { width, height } = screen;
    const density = devicePixelRatio;
    const sizes = [[Math.min(width, height), Math.max(width, height), "portrait"]];
    if (Math.min(width, height) >= 700) sizes.push([Math.max(width, height), Math.min(width, height), "landscape"]);
    for (const [across, down, way] of sizes) {
      const link = document.createElement("link");
      link.rel = "apple-touch-startup-image";
      link.media = `(orientation: ${way})`;
      link.href = `/static/icons/splash-${Math.round(across * density)}x${Math.round(down * density)}.png`;
      document.head.append(link);
    }
  }

  // A page may have a place where installing is offered: <p data-install hidden><button>…</button></p>.
  const place = document.querySelector("[data-install]");
  if (place) {
    addEventListener("beforeinstallprompt", (event) => {
      event.preventDefault();
      place.hidden = false;
      place.querySelector("button").onclick = async () => {
        place.hidden = true;
        await event.prompt();
      };
    });
    addEventListener("appinstalled", () => { place.hidden = true; });
  }
})();
