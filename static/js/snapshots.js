// One picture and the hours by keyboard: ← → follow the links that are on the page, ↑ leads from a picture to its hour.

const KEYS = {
  ArrowLeft: 'a[rel="prev"], a[data-earlier]',
  ArrowRight: 'a[rel="next"], a[data-later]',
  ArrowUp: "a[data-up]",
  Escape: "a[data-up]",
};

// While a picture is shown large the arrows belong to it, not to the hours below.
function linkFor(key) {
  const large = document.querySelector(".still-large");
  return (large ?? document).querySelector(KEYS[key]);
}

document.addEventListener("keydown", (event) => {
  const busy = event.target.closest?.("input, textarea, select, video, [contenteditable]");
  if (busy || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !(event.key in KEYS)) return;
  if (event.key === "ArrowUp" && !document.querySelector(".still-large")) return;
  const link = linkFor(event.key);
  if (!link) return;
  event.preventDefault();
  // The back button leads out of the pictures, not through every one of them.
  window.location.replace(link.href);
});

// A picture that retention has taken meanwhile says so instead of a torn frame.
for (const picture of document.querySelectorAll(".still img, .still-large img")) {
  picture.addEventListener("error", () => picture.setAttribute("alt", "gone meanwhile"), { once: true });
}
