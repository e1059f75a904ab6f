// What may go wrong with a webcam, in words for whoever holds it.

const CAMERA = {
  NotAllowedError: "The browser may not use the camera. Allow it in the browser’s settings for this page (often a small camera or lock beside the address), then press «Start sending» again.",
  SecurityError: "The browser’s settings forbid pages to use the camera. Change that, then press «Start sending» again.",
  NotFoundError: "This device has no camera, or it is switched off. Connect or switch it on, then press «Start sending» again.",
  OverconstrainedError: "That camera is not there any more. Choose another one, then press «Start sending» again.",
  NotReadableError: "The camera is busy: another program or page is using it. Close that one, then press «Start sending» again.",
  AbortError: "The camera is busy: another program or page is using it. Close that one, then press «Start sending» again.",
  TypeError: "This browser gives pages no camera. Try another browser.",
};

export const UNPLUGGED = "The camera was unplugged or taken away from the browser. Connect it or allow it again, then press «Start sending» again.";
export const PAUSED = "The device has paused the camera: another app is using it, or the screen is locked. It goes on by itself.";
export const NO_HOUSE = "The house does not answer. Trying again by itself; nothing need be done here.";
export const TOO_LARGE = "The pictures are too large for the line. Choose a smaller size.";

/** Why the camera did not start, from the error of getUserMedia. */
export function cameraWords(error) {
  return CAMERA[error?.name] ?? "The camera does not start. Press «Start sending» again, or choose another one.";
}

/** «1 picture a second»: the same words as in the choice of how often. */
export function rateWords(rate) {
  if (rate < 1) {
    const seconds = Math.round(10 / rate) / 10;
    return `1 picture every ${seconds} seconds`;
  }
  const whole = Math.round(rate * 10) / 10;
  return whole === 1 ? "1 picture a second" : `${whole} pictures a second`;
}

/** «140 KB/s». */
export function speedWords(bytes) {
  return bytes < 1000 ? "–" : `${bytes < 10_000 ? (bytes / 1000).toFixed(1) : Math.round(bytes / 1000)} KB/s`;
}

/** A camera by the name the browser gives it, told as people say it on phones. */
export function deviceWords(label, number) {
  if (!label) return `Camera ${number}`;
  if (/facing back|back camera|rear/i.test(label)) return `Back camera${/\d/.test(label) ? ` (${label})` : ""}`;
  if (/facing front|front camera|facetime/i.test(label)) return `Front camera${/\d/.test(label) ? ` (${label})` : ""}`;
  return label;
}
