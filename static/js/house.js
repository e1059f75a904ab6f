// What every page gains from a script: relative times that stay true, a question before dangerous acts, a menu that closes.
"use strict";
(() => {
  // <time datetime data-relative>: relative under an hour, what the server wrote after that; the full stamp on hover.
  function tell(time) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (Number.isNaN(seconds)) return;
    if (!time.dataset.stamp) {
      time.dataset.stamp = time.textContent;
      time.title ||= new Date(time.dateTime).toLocaleString();
    }
    if (seconds < 0 || seconds >= 3600) time.textContent = time.dataset.stamp;
    else if (seconds < 60) time.textContent = "just now";
    else time.textContent = `${Math.floor(seconds / 60)} min ago`;
  }
  const tellAll = () => document.querySelectorAll("time[data-relative]").forEach(tell);
  tellAll();
  setInterval(tellAll, 20_000);
  document.addEventListener("htmx:afterSettle", tellAll);

  // data-confirm="…" on a form or a button asks first; without a script the act is done as named on the button.
  document.addEventListener("submit", (event) => {
    const words = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (words && !window.confirm(words)) event.preventDefault();
  });

  // data-copy="#id" puts that field's text on the clipboard; shown only where the browser has one (https or localhost).
  document.querySelectorAll("button[data-copy]").forEach((button) => {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).value);
      button.textContent = "Copied";
    });
  });

  // What is there to be copied is selected whole.
  document.querySelectorAll("input[readonly]").forEach((field) => field.addEventListener("focus", () => field.select()));

  // The menu closes on Escape and on a click elsewhere.
  const menu = document.querySelector(".house-menu");
  if (menu) {
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  }
})();
