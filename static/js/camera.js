// The camera form: shows what belongs to the kind of address (as the server has begun to), lists what is not saved yet, and tells how a test goes.
// Everything works without it; then all fields are shown and the test answers with a whole page.
(() => {
  "use strict";

  const form = document.getElementById("camera-form");
  const source = form.elements.namedItem("source");
  const kinds = { rtsp: "rtsp", rtsps: "rtsp", http: "http", https: "http", device: "v4l2", file: "file", tapo: "tapo", onvif: "onvif", pattern: "pattern", push: "push" };

  function showKind() {
    const scheme = source.value.trim().split(":", 1)[0].toLowerCase();
    const kind = source.value.includes(":") ? kinds[scheme] : undefined;
    for (const part of form.querySelectorAll("[data-kinds]")) {
      part.hidden = kind === undefined ? "onceKnown" in part.dataset : !part.dataset.kinds.split(" ").includes(kind);
    }
    for (const hint of form.querySelectorAll(".camera-hint")) {
      hint.hidden = kind !== undefined && hint.dataset.kind !== kind;
    }
  }

  function isChanged(field) {
    if (field.type === "checkbox") {
      return field.checked !== field.defaultChecked;
    }
    if (field.tagName === "SELECT") {
      return [...field.options].some((option) => option.selected !== option.defaultSelected);
    }
    return field.value !== field.defaultValue;
  }

  function nameOf(field) {
    const person = field.closest(".camera-person");
    if (person) {
      return `rights of ${person.querySelector("strong").textContent}`;
    }
    const label = field.labels && field.labels[0];
    return label ? label.firstChild.textContent.trim() : "";
  }

  function showUnsaved() {
    const names = new Set([...form.elements].filter((field) => field.name && isChanged(field)).map(nameOf));
    names.delete("");
    document.getElementById("unsaved").textContent = names.size ? `Not saved yet: ${[...names].join(", ")}` : "";
  }

  // The sensitivity in words while it is pulled.
  const sensitivity = form.elements.namedItem("sensitivity");
  const words = sensitivity.dataset.words.split("|");
  function showSensitivity() {
    const value = Number(sensitivity.value);
    document.getElementById("sensitivity-words").textContent = `${value}: ${words[Math.floor((value - 1) / 20)]}`;
  }

  const waiting = document.getElementById("test-waiting");
  const result = document.getElementById("camera-test");

  function say(words) {
    const line = document.createElement("p");
    line.className = "camera-outcome";
    line.dataset.ok = "no";
    line.textContent = words;
    result.replaceChildren(line);
  }

  const button = document.getElementById("test-button");
  button.addEventListener("htmx:beforeRequest", () => { waiting.hidden = false; });
  button.addEventListener("htmx:afterRequest", () => {
    waiting.hidden = true;
    // A test may have filled in fields.
    showKind();
    showUnsaved();
  });
  button.addEventListener("htmx:responseError", () => say("Fairwatch refused the test. Reload the page and try again."));
  button.addEventListener("htmx:sendError", () => say("Fairwatch does not answer. Is the connection up?"));

  form.addEventListener("input", () => { showKind(); showUnsaved(); showSensitivity(); });
  form.addEventListener("change", showUnsaved);
  showKind();
  showSensitivity();
})();
