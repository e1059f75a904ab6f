// «Look for cameras»: tells that it is being looked. Without it the browser's own waiting does.
"use strict";
(() => {
  const form = document.querySelector("[data-discover]");
  const waiting = document.getElementById("discover-waiting");
  const found = document.getElementById("discovered");

  function say(words) {
    const line = document.createElement("p");
    line.className = "notice notice-warn";
    line.setAttribute("role", "alert");
    line.textContent = words;
    found.replaceChildren(line);
  }

  form.addEventListener("htmx:beforeRequest", () => {
    found.replaceChildren();
    waiting.hidden = false;
  });
  form.addEventListener("htmx:afterRequest", () => { waiting.hidden = true; });
  form.addEventListener("htmx:responseError", () => say("Fairwatch refused to look. Reload the page and try again."));
  form.addEventListener("htmx:sendError", () => say("Fairwatch does not answer. Is the connection up?"));
})();
