// On the page that stands for one that did not come: it goes back to that one as soon as the house answers.
"use strict";
(() => {
  const FIRST = 2_000;
  const LONGEST = 30_000;
  const told = document.getElementById("tries");
  let wait = FIRST;
  let timer = 0;

  // The address is still that of the page that was wanted, unless somebody asked for this page itself.
  const goal = () => (location.pathname === "/offline/" ? "/" : location.href);

  async function look() {
    clearTimeout(timer);
    told.textContent = "Looking for the house…";
    try {
      // Whatever it answers: it is there.
      await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5_000) });
      location.replace(goal());
      return;
    } catch {
      const seconds = Math.round(wait / 1_000);
      told.textContent = `No answer. Looking again in ${seconds} s.`;
    }
    timer = setTimeout(look, wait);
    wait = Math.min(LONGEST, wait * 2);
  }

  document.querySelector(".again").addEventListener("click", (event) => {
    event.preventDefault();
    wait = FIRST;
    look();
  });
  addEventListener("online", look);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  timer = setTimeout(look, wait);
})();
