// How a camera stands, in words: what tiles and the live page say of state, age, delay and way.

// An older picture is not called live. Of a calm camera small tiles get one about every three seconds. Seconds.
const LIVE = 2, CALM = 7;
const WORDS = {
  connecting: ["◌", "Connecting"],
  online: ["●", "Live"],
  offline: ["▲", "No picture"],
  paused: ["◐", "Privacy pause"],
  disabled: ["○", "Switched off"],
};

/**
 * `tile`: {lost, state, age (seconds, Infinity without a picture), captured, delay ({median} or null), calm, plain, me}.
 * `calm`: pictures come seldom because nothing moves; `plain`: a stream that does not tell how old its pictures are.
 */
export function stateWords({ lost, state, age, captured, delay, calm, plain, time, me }) {
  const old = captured === null ? "" : ` · picture of ${time(captured)}, ${ago(age)}`;
  if (lost) return `▲ ${lost}${old}`;
  if (!state) return `◌ Connecting${old}`;
  if (isPrivate(state)) return `◐ Privacy mode${state.since ? ` since ${time(state.since)}` : ""}`;
  const [shape, word] = WORDS[state.state] ?? WORDS.offline;
  if (state.state !== "online") {
    const when = state.since && state.state !== "connecting" ? ` since ${time(state.since)}` : "";
    const why = state.text ? ` — ${state.text}${state.detail ? ` (${state.detail})` : ""}` : "";
    return `${shape} ${word}${when}${why}${old}`;
  }
  const moved = state.mover && state.mover !== me ? ` · \u2068${state.mover}\u2069 is moving it` : "";
  const kept = (state.recording ? " · ▮ Recording" : "") + moved;
  if (plain) return `● On, how old the picture is is not known${kept}`;
  if (age === Infinity) return `◌ Waiting for the first picture${kept}`;
  if (calm && age < CALM) return `● Calm · ${ago(age)}${kept}`;
  if (age >= LIVE) return `◌ ${ago(age)}${kept}`;
  return `${shape} ${word}${delay ? ` · ${milliseconds(delay.median)}` : ""}${kept}`;
}

/** Whether the camera has closed its eye because somebody wished it. */
export function isPrivate(state) { return state?.state === "paused" && state.reason === "PRIVACY"; }

export function isLive(age) { return age < LIVE; }

export function milliseconds(seconds) {
  return seconds < 1 ? `${Math.round(seconds * 100) * 10} ms` : `${seconds.toFixed(1)} s`;
}

export function ago(seconds) {
  if (seconds < 90) return `${Math.round(Math.max(seconds, 0))} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

/** The time of day in the house's zone; with the date when it was not in the last 20 hours. */
export function clockWords(zone) {
  const make = (options) => {
    try {
      return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    } catch {
      return new Intl.DateTimeFormat("en-GB", options);
    }
  };
  const time = make({ hour: "2-digit", minute: "2-digit" });
  const date = make({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  return (seconds) => (Date.now() / 1000 - seconds < 72_000 ? time : date).format(seconds * 1000);
}

export function set(element, words) {
  if (element && element.textContent !== words) element.textContent = words;
}

/** The names of those who watch, as text: «you, bob». */
export function nameList(names, me) {
  return names.flatMap((name, n) => [n ? ", " : "", isolated(name === me ? "you" : name)]);
}

function isolated(name) {
  const element = document.createElement("bdi");
  element.textContent = name;
  return element;
}

/** A name as its first letters, for the corner of a tile. */
export function initials(name) {
  const [all, shown, spoken] = ["span", "span", "span"].map((tag) => document.createElement(tag));
  all.className = "initials";
  all.title = `${name} is watching`;
  shown.ariaHidden = "true";
  shown.textContent = [...name].slice(0, 2).join("").toUpperCase();
  spoken.className = "visually-hidden";
  spoken.textContent = `${name} is watching`;
  all.append(shown, spoken);
  return all;
}
