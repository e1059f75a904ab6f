// A worker that says when the next picture is due: a page's own timers are slowed down in the background, these are not.
"use strict";
let timer = 0;
self.onmessage = (event) => {
  clearInterval(timer);
  if (event.data > 0) timer = setInterval(() => self.postMessage(0), event.data);
};
