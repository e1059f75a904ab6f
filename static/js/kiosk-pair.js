// A browser that the house does not know: shows its code until an owner has typed it.

import { forget } from "./kiosk-presses.js";

const EVERY = 2_500;
const LONGEST = 30_000;
const code = document.querySelector("#kiosk-code");
const words = document.querySelector("#kiosk-pair-words");

forget();

function show(text) {
  if (code.textContent !== text) code.textContent = text;
}

/** Ask once; in how many milliseconds again. */
async function ask() {
  let reply;
  let answer;
  try {
    reply = await fetch("/kiosk/pair/", {
      method: "POST",
      headers: { "X-CSRFToken": document.body.dataset.csrf },
      signal: AbortSignal.timeout(10_000),
    });
    answer = await reply.json();
  } catch {
    if (reply?.status === 403) location.reload();  // the token is from before another log-in
    words.textContent = "The house does not answer. This screen asks again.";
    return EVERY * 2;
  }
  if (answer.paired) {
    words.textContent = "This screen is paired.";
    location.reload();
    return LONGEST;
  }
  if (answer.error) {
    show("–");
    words.textContent = answer.error.message;
    return reply.status === 403 ? LONGEST : 1000 * Number(reply.headers.get("Retry-After") ?? 20);
  }
  show(`${answer.code.slice(0, 3)} ${answer.code.slice(3)}`);
  words.textContent = `It counts for ${Math.max(1, Math.ceil(answer.seconds / 60))} min more, then another one is shown.`;
  return EVERY;
}

async function askOn() {
  setTimeout(askOn, await ask());
}

askOn();
