// What is said about a ring and its answers, as the server says it in partials/ring_answers.html.

const time = (at, zone) => {
  const options = { hour: "2-digit", minute: "2-digit" };
  try {
    return new Date(at).toLocaleTimeString("en-GB", { ...options, timeZone: zone });
  } catch {
    return new Date(at).toLocaleTimeString("en-GB", options);
  }
};

export function made(kind, words = "", name = "") {
  const element = document.createElement(kind);
  if (words) element.textContent = words;
  if (name) element.className = name;
  return element;
}

/** «just now», «14 s ago», and how often the button was pressed. */
export function whenWords(ring, now) {
  const seconds = Math.max(0, Math.round(now - Date.parse(ring.last_at) / 1000));
  const ago = seconds < 5 ? "just now" : seconds < 90 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
  return ring.presses > 1 ? `${ago} · pressed ${ring.presses} times` : ago;
}

/** The nodes that tell one answer; `first`: whether it was the first. */
export function answerNodes({ by, text, at }, first, { me, zone }) {
  const mine = by === me;
  const who = made("strong");
  who.append(mine ? "You" : made("bdi", by));
  const nodes = [who, first ? " answered first" : ""];
  if (text) {
    const said = made("q");
    said.append(made("bdi", text));
    nodes.push(": ", said);
  } else nodes.push(first ? ` and see${mine ? "" : "s"} to it` : ` see${mine ? "" : "s"} to it too`);
  const when = made("time", time(at, zone), "quiet");
  when.dateTime = at;
  nodes.push(" ", when);
  return nodes;
}

/** Send an answer as the form would. Raises an Error with words for people. */
export async function sendAnswer(form, submitter) {
  const body = new FormData(form);
  if (submitter?.name) body.append(submitter.name, submitter.value);
  let reply;
  try {
    reply = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
  } catch {
    throw new Error("No connection to the house: nobody has heard this. Try again.");
  }
  const told = (reply.headers.get("Content-Type") ?? "").includes("json") ? await reply.json() : null;
  if (reply.redirected || reply.status === 401) throw new Error("You are logged out. Load the page again to log in.");
  if (reply.ok && told?.answers) return told;
  if (reply.status === 404) throw new Error("This ring is gone, or you may not watch its camera any more.");
  throw new Error(told?.error?.message ?? "The house could not take this. Try again.");
}
