"""The ways pictures come to a browser: film, single pictures, a plain stream; what is told and remembered of them."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.house import RealHouse, wait_for
from tests.peers.rtsp import gstreamer
from tests.test_e2e import PASSWORD, browser, drawn, log_in, person

__all__ = ["browser"]
pytestmark = [pytest.mark.e2e, pytest.mark.peers]
NO_FILMS = "MediaSource.isTypeSupported = () => false;"
NO_SOCKET = """window.WebSocket = class extends EventTarget {
    static OPEN = 1; readyState = 3;
    constructor() {
        super();
        window.tried = (window.tried ?? 0) + 1;
        setTimeout(() => this.dispatchEvent(new CloseEvent('close', {code: 1006})), 5);
    }
    close() {} send() {}
};"""
# A browser that takes what it is given and shows none of it.
BLIND = "HTMLVideoElement.prototype.requestVideoFrameCallback = () => 0;"
BROKEN = "SourceBuffer.prototype.appendBuffer = () => { throw new DOMException('torn', 'InvalidStateError'); };"
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""
FILM = "Film, H.264 untouched"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("ways"))
    with gstreamer(codec="h264", sound="aac", pattern="ball", width=640, height=360) as url:
        house.start()
        change = (
            "from camera.models import Camera; Camera.objects.update(detect='off'); "
            "Camera.objects.filter(slug='yard').update(audio=True); Camera.objects.all().changed()"
        )
        house.arrange(
            ("adduser", "alice", "--role", "owner"),
            ("addcamera", "Yard", url, "--slug", "yard", "--record", "off"),
            ("addcamera", "Garden", "pattern:", "--slug", "garden", "--record", "off"),
            ("shell", "-v", "0", "-c", change),
            ADDUSER_PASSWORD=PASSWORD,
        )
        yield house
        house.stop()
    print(house.log())


@pytest.fixture
def opened(browser: Browser, house: RealHouse) -> Iterator[Open]:
    """Opens a page as alice in a browser of her own, with scripts that make it another kind of browser."""
    contexts = []

    def open_(path: str, *scripts: str) -> Page:
        context = person(browser, house)
        contexts.append(context)
        page = context.new_page()
        log_in(page, "alice")
        for script in scripts:
            context.add_init_script(script)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()


def way(page: Page, words: str, seconds: float = 15) -> None:
    expect(page.locator("[data-way]")).to_contain_text(words, timeout=seconds * 1000)
    wait_for(lambda: drawn(page) or page.locator(".tile img").count(), 10, "a picture")


def kinds(page: Page) -> dict[str, bool]:
    """Which element shows the picture."""
    return {kind: page.locator(f".tile {kind}:not([hidden])").count() > 0 for kind in ("video", "canvas", "img")}


def test_h264_comes_untouched_and_jpeg_as_it_is(opened: Open) -> None:
    page = opened("/live/yard/")
    way(page, FILM)
    assert kinds(page) == {"video": True, "canvas": False, "img": False}
    page.goto("/live/garden/")
    way(page, "Single pictures, as the camera sends them")
    assert kinds(page) == {"video": False, "canvas": True, "img": False}


def test_a_browser_without_the_codec_gets_pictures_and_is_told_so(opened: Open) -> None:
    page = opened("/live/yard/", NO_FILMS)
    way(page, "Single pictures, because this browser cannot play H.264")
    assert kinds(page)["canvas"]


def test_a_film_that_shows_nothing_is_left_for_a_day(opened: Open) -> None:
    page = opened("/live/yard/", BLIND)
    way(page, "because the H.264 film showed nothing here within 5 s")
    kept = json.loads(page.evaluate("localStorage.getItem('fairwatch.ways')"))
    assert kept["failed"]["H.264"]["why"] == "nothing"
    page.reload()
    way(page, "Single pictures, because the H.264 film showed nothing", 4)
    kept["failed"]["H.264"]["at"] -= 25 * 3600 * 1000
    page.evaluate("kept => localStorage.setItem('fairwatch.ways', kept)", json.dumps(kept))
    page.reload()
    expect(page.locator("[data-way]")).to_contain_text(FILM, timeout=4_000)


def test_one_error_is_tried_again_and_two_are_enough(opened: Open) -> None:
    page = opened("/live/yard/", "window.tries = 0;" + BROKEN.replace("=> {", "=> { window.tries++;"))
    way(page, "because this browser could not play the H.264 film")
    assert page.evaluate("window.tries") == 2


def test_without_sockets_a_plain_stream_is_shown(opened: Open, house: RealHouse) -> None:
    page = opened("/live/yard/", NO_SOCKET)
    way(page, "A plain stream of pictures, because no live connection can be opened from here")
    assert kinds(page) == {"video": False, "canvas": False, "img": True}
    wait_for(lambda: page.locator(".tile img").evaluate("i => i.naturalWidth") == 640, 10, "the stream's picture")
    expect(page.locator("[data-words]")).to_contain_text("● On, how old the picture is is not known", timeout=10_000)
    assert page.evaluate("window.tried") >= 2
    page.goto("/live/nowhere/")


def test_the_viewer_chooses_and_the_browser_remembers(opened: Open) -> None:
    page = opened("/live/yard/")
    way(page, FILM)
    page.get_by_label("Pictures come").select_option("pictures")
    way(page, "Single pictures, as you chose, made from the camera’s H.264")
    page.reload()
    way(page, "Single pictures, as you chose")
    page.get_by_label("Pictures come").select_option("stream")
    way(page, "A plain stream of pictures, as you chose")
    page.get_by_label("Pictures come").select_option("auto")
    way(page, FILM)
    assert kinds(page) == {"video": True, "canvas": False, "img": False}


def watchers(page: Page, slug: str) -> int:
    return int(page.request.get(f"/api/v1/cameras/{slug}").json()["viewers"])


def test_a_hidden_page_watches_nothing_and_keeps_its_last_picture(opened: Open) -> None:
    page = opened("/live/yard/")
    way(page, FILM)
    wait_for(lambda: watchers(page, "yard") == 1, 10, "the viewer of the test before to be gone")
    page.evaluate(HIDE, True)
    wait_for(lambda: watchers(page, "yard") == 0, 10, "nobody to watch")
    video = page.locator(".tile video")
    assert video.evaluate("v => [v.hidden, v.hasAttribute('src'), v.buffered.length]") == [True, False, 0]
    assert drawn(page), "the last picture stays"
    page.evaluate(HIDE, False)
    way(page, FILM)
    wait_for(lambda: kinds(page)["video"] and not kinds(page)["canvas"], 10, "the film again")


def asked(page: Page) -> list[dict[str, dict[str, Any]]]:
    """What the page asks for from now on, each a map by camera."""
    found: list[dict[str, dict[str, Any]]] = []

    def sent(payload: Any) -> None:
        message = json.loads(payload)
        if "watch" in message:
            found.append({one.pop("camera"): one for one in message["watch"]})

    page.on("websocket", lambda socket: socket.on("framesent", sent))
    return found


def heard(page: Page, condition: Callable[[], object], what: str) -> None:
    """Wait for what the page says to the house, which is only heard while the page is asked for something."""

    def look() -> object:
        page.wait_for_timeout(50)
        return condition()

    wait_for(look, 10, what)


def test_small_tiles_ask_for_small_pictures_and_more_of_them_when_pointed_at(opened: Open) -> None:
    page = opened("/live/garden/")
    messages = asked(page)
    page.set_viewport_size({"width": 700, "height": 900})
    page.goto("/")
    wait_for(lambda: drawn(page), 10, "the wall")
    small = {"as": "jpeg", "size": "small"}
    assert messages[-1]["yard"] == small and messages[-1]["garden"] == small
    page.locator("[data-camera=yard]").hover()
    heard(page, lambda: messages[-1]["yard"] == small | {"rate": 15}, "more pictures")
    page.mouse.move(2, 2)
    heard(page, lambda: messages[-1]["yard"] == small, "fewer again")
    expect(page.locator("[data-camera=garden] [data-words]")).to_contain_text(re.compile("Live|Calm"))


def test_what_is_out_of_sight_is_not_asked_for(opened: Open) -> None:
    page = opened("/live/garden/")
    messages = asked(page)
    page.set_viewport_size({"width": 360, "height": 240})
    page.goto("/")
    heard(page, lambda: messages and messages[-1], "something to be watched")
    first, last = page.locator(".tile").first, page.locator(".tile").last
    slugs = [one.get_attribute("data-camera") for one in (first, last)]
    page.evaluate("document.querySelectorAll('.tile').forEach(t => { t.style.minHeight = '150vh'; })")
    page.evaluate("scrollTo(0, 0)")
    heard(page, lambda: list(messages[-1]) == slugs[:1], "the first alone")
    last.scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    heard(page, lambda: list(messages[-1]) == slugs[1:], "the last alone")


def test_the_film_goes_on_when_its_camera_process_was_killed(opened: Open, house: RealHouse) -> None:
    """It begins anew, with times from nothing, in the same page."""
    page = opened("/live/yard/")
    way(page, FILM)
    video = page.locator(".tile video")
    wait_for(lambda: video.evaluate("v => v.currentTime") > 2, 10, "the film to go on for a while")
    for pid in house.pids("camera.process"):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: 0 < video.evaluate("v => v.currentTime") < 2, 30, "another film")
    first = wait_for(lambda: drawn(page), 10, "a picture")
    wait_for(lambda: drawn(page) not in ("", first), 10, "another picture")
    wait_for(lambda: kinds(page)["video"] and not kinds(page)["canvas"], 5, "the film itself")
    way(page, FILM)
    expect(page.locator("[data-words]")).to_contain_text(re.compile(r"Live · \d+ ms"), timeout=10_000)


def test_sound_is_off_until_somebody_asks_for_it(opened: Open) -> None:
    page = opened("/live/yard/")
    messages = asked(page)
    page.reload()
    way(page, FILM)
    video = page.locator(".tile video")
    assert video.evaluate("v => v.muted") and "sound" not in messages[-1]["yard"]
    page.locator(".stage").hover()
    page.get_by_role("button", name="Sound").click()
    way(page, f"{FILM}, with sound")
    assert messages[-1]["yard"]["sound"] is True
    wait_for(lambda: video.evaluate("v => !v.muted && v.webkitAudioDecodedByteCount > 1000"), 10, "sound")
    page.locator(".stage").hover()
    page.get_by_role("button", name="Sound").click()
    wait_for(lambda: video.evaluate("v => v.muted") and "sound" not in messages[-1]["yard"], 5, "silence")
