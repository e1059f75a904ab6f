"""Live film in a real Chromium, appended piece by piece as it would come over the socket."""

import base64
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from camera import bus
from camera.films import Batch
from camera.video import filmtime
from camera.video.filmtime import Times
from tests.film_kit import media, pieces, watched, with_sound
from tests.recording_kit import camera, info
from tests.test_e2e import FLAGS

pytestmark = pytest.mark.e2e
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PLAY = """async ([mime, pieces]) => {
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    const source = new MediaSource();
    const open = new Promise((done) => source.addEventListener("sourceopen", done));
    video.src = URL.createObjectURL(source);
    await open;
    const buffer = source.addSourceBuffer(mime);
    for (const piece of pieces) {
        const taken = new Promise((done) => buffer.addEventListener("updateend", done, {once: true}));
        buffer.appendBuffer(Uint8Array.from(atob(piece), (one) => one.charCodeAt(0)));
        await taken;
        if (video.error) return {error: video.error.message};
    }
    const held = video.buffered;
    const ranges = [...Array(held.length).keys()].map((n) => [held.start(n), held.end(n)]);
    source.endOfStream();
    video.playbackRate = 4;
    video.currentTime = ranges[0][0];
    await video.play();
    const end = ranges[ranges.length - 1][1];
    for (let wait = 0; wait < 60 && video.currentTime < end - 0.2; wait++) {
        await new Promise((on) => setTimeout(on, 50));
    }
    return {error: video.error && video.error.message, ranges, reached: video.currentTime, end,
            width: video.videoWidth, sound: video.webkitAudioDecodedByteCount};
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


def played(browser: Browser, batches: list[Batch]) -> dict[str, Any]:
    page = browser.new_page()
    try:
        data = [base64.b64encode(piece.data).decode() for piece in pieces(batches)]
        found: dict[str, Any] = page.evaluate(PLAY, [batches[0].mime, data])
    finally:
        page.close()
    assert found["error"] is None, found
    return found


def plays_through(found: dict[str, Any]) -> bool:
    return len(found["ranges"]) == 1 and found["reached"] >= found["end"] - 0.25


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_it_plays(browser: Browser, codec: str) -> None:
    found = played(browser, watched(info(codec), camera(codec, 60, gop=30, every=1 / 30)))
    assert plays_through(found) and found["width"] == 320 and found["end"] == pytest.approx(2.0, abs=0.05)


def test_it_plays_with_sound(browser: Browser) -> None:
    audio, packets = with_sound(camera("h264", 60, gop=30, every=1 / 30))
    found = played(browser, watched(info(audio=audio), packets, bus.FILM_SOUND))
    assert plays_through(found) and found["sound"] > 1000


def test_lost_pictures_do_not_stop_it_until_the_next_key_frame(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets = camera("h264", 80, gop=30, every=1 / 30)
    lost = packets[:20] + packets[26:]
    assert not lost[20].key
    assert plays_through(played(browser, watched(info(), lost)))
    back = [replace(one, pts=7, dts=7) if number == 40 else one for number, one in enumerate(packets)]
    assert plays_through(played(browser, watched(info(), back)))
    # And this is why: with the times as they are a browser throws away what follows.
    monkeypatch.setattr(filmtime, "FilmTimes", TrueTimes)
    monkeypatch.setattr("camera.process.filmstore.FilmTimes", TrueTimes)
    stuck = played(browser, watched(info(), lost))
    assert len(stuck["ranges"]) == 2 and not plays_through(stuck)


class TrueTimes(filmtime.FilmTimes):
    """Leaps and all."""

    def place(self, packet: Any) -> Times:
        pts, dts = self._timeline.place(packet)
        return Times(dts, pts - dts, 3000)


def test_a_camera_whose_key_frames_are_far_apart_plays_from_the_middle(browser: Browser) -> None:
    """What a newcomer gets: the film's times do not begin at zero."""
    batches = watched(info(), camera("h264", 90, gop=30, every=1 / 30))
    later = [replace(batches[0], pieces=(batches[0].pieces[0], *media(batches)[60:]))]
    found = played(browser, later)
    assert plays_through(found) and found["ranges"][0][0] == pytest.approx(2.0, abs=0.05)
