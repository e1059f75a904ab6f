"""The player of live films in real Chromium, beside a browser's buffer that a test has in its hands."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from camera.films import INIT
from tests.film_kit import pieces, watched
from tests.recording_kit import camera, info
from tests.test_e2e import browser

__all__ = ["browser"]
pytestmark = pytest.mark.e2e
SCRIPTS = Path(__file__).resolve().parent.parent / "static" / "js"
# A buffer that is busy until told otherwise, and a video whose picture is far behind its beginning.
PLAY = """async (pieces) => {
    class Buffer extends EventTarget {
        updating = false; did = [];
        appendBuffer() { this.#begin("append"); }
        remove() { this.#begin("remove"); }
        #begin(what) {
            if (this.updating) throw new DOMException("busy", "InvalidStateError");
            this.updating = true;
            this.did.push(what);
        }
    }
    const buffer = new Buffer();
    globalThis.MediaSource = class extends EventTarget {
        readyState = "open";
        addSourceBuffer() { return buffer; }
    };
    let source;
    URL.createObjectURL = (made) => { source = made; return "blob:none"; };
    URL.revokeObjectURL = () => {};
    const {Film} = await import("/live-film.js");
    const video = Object.assign(new EventTarget(), {
        currentTime: 30, seeking: false, paused: false, play: async () => {}, load() {}, removeAttribute() {},
        buffered: {length: 1, start: () => 0, end: () => 30}, requestVideoFrameCallback() {},
    });
    const errors = [];
    addEventListener("error", (event) => errors.push(event.message));
    const film = new Film(video, {shown() {}, anew() {}, failed(why) { errors.push(why); }});
    film.start("video/mp4");
    source.dispatchEvent(new Event("sourceopen"));
    const told = () => buffer.dispatchEvent(new Event("updateend"));
    const give = ([kind, data]) => film.piece(kind, 1, Uint8Array.from(atob(data), (one) => one.charCodeAt(0)));
    for (const piece of pieces) {
        give(piece);
        buffer.updating = false;
        if (piece !== pieces.at(-1)) continue;
        // The next piece comes before the word that the last one was taken.
        give(piece);
        told();
    }
    buffer.updating = false;
    told();
    return {errors, did: buffer.did};
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.route("http://localhost/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    page.route(
        "http://localhost/*.js",
        lambda route: route.fulfill(path=SCRIPTS / route.request.url.rsplit("/", 1)[1], content_type="text/javascript"),
    )
    page.goto("http://localhost/")
    yield page
    context.close()


def test_nothing_is_removed_while_the_browser_takes_a_piece(page: Page) -> None:
    batches = watched(info(), camera("h264", 240, gop=15, every=1 / 15))
    told = [[one.kind, base64.b64encode(one.data).decode()] for one in pieces(batches)]
    assert told[0][0] == INIT
    found = page.evaluate(PLAY, told)
    assert found["errors"] == []
    assert found["did"][-1] == "remove" and "remove" not in found["did"][:-1]
