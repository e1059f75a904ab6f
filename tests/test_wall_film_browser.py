"""Acts on films of a real camera with sound: the wall's tiles, heard when asked, popped out, saved and shown large."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.house import RealHouse, wait_for
from tests.peers.rtsp import gstreamer
from tests.test_e2e import PASSWORD, browser, log_in, person

__all__ = ["browser"]
pytestmark = [pytest.mark.e2e, pytest.mark.peers]
YARD = "[data-camera=yard]"
VIDEO = "(video) => [video.hidden, video.muted, video.paused, video.videoWidth, video.readyState > 1]"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("wall"))
    with gstreamer(codec="h264", sound="aac", pattern="ball", width=640, height=360) as url:
        house.start()
        change = (
            "from camera.models import Camera; Camera.objects.update(detect='off'); "
            "Camera.objects.filter(slug='yard').update(audio=True); Camera.objects.all().changed()"
        )
        sources = {"yard": url, "garden": "pattern:", "gate": "pattern:", "attic": "pattern:"}
        house.arrange(
            ("adduser", "alice", "--role", "owner"),
            *(("addcamera", slug.title(), one, "--slug", slug, "--record", "off") for slug, one in sources.items()),
            ("shell", "-v", "0", "-c", change),
            ADDUSER_PASSWORD=PASSWORD,
        )
        yield house
        house.stop()
    print(house.log())


@pytest.fixture
def wall(browser: Browser, house: RealHouse) -> Iterator[Page]:
    context = person(browser, house)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    log_in(page, "alice")
    expect(page.locator(f"{YARD} [data-words]")).to_contain_text(r"ms", timeout=20_000)
    page.locator(f"{YARD} .tile-link").focus()
    yield page
    context.close()
    assert not faults


def test_a_tile_is_silent_until_it_is_asked_to_be_heard(wall: Page) -> None:
    sound = wall.locator(f"{YARD} [data-act=sound]")
    expect(sound).to_be_visible()
    expect(sound).to_have_attribute("aria-pressed", "false")
    expect(wall.locator("[data-camera=garden] [data-act=sound]")).to_be_hidden()
    assert wall.eval_on_selector_all("video", "all => all.every((one) => one.muted)")
    wall.keyboard.press("m")
    expect(sound).to_have_attribute("aria-pressed", "true")
    video = wall.locator(f"{YARD} video")
    wait_for(lambda: video.evaluate(VIDEO) == [False, False, False, 640, True], 15, "a film that is heard")
    heard = "(video) => video.webkitAudioDecodedByteCount"
    first = video.evaluate(heard)
    wait_for(lambda: video.evaluate(heard) > first, 5, "sound")
    wall.keyboard.press("m")
    wait_for(lambda: video.evaluate("(video) => video.muted"), 5, "silence")
    expect(sound).to_have_attribute("aria-pressed", "false")


def test_a_film_is_shown_large_saved_and_popped_out(wall: Page, house: RealHouse) -> None:
    wall.keyboard.press("f")
    wait_for(lambda: wall.evaluate("document.fullscreenElement?.dataset.camera") == "yard", 5, "full screen")
    video = wall.locator(f"{YARD} video")
    wait_for(lambda: video.evaluate(VIDEO) == [False, True, False, 640, True], 15, "a film")
    wall.keyboard.press("+")
    assert video.evaluate("(video) => video.getBoundingClientRect().width") == pytest.approx(1440 * 1.5, abs=30)
    with wall.expect_download() as saved:
        wall.keyboard.press("s")
    with saved.value.path().open("rb") as file:
        assert Image.open(io.BytesIO(file.read())).size == (640, 360)
    # The film stands still for a moment while a file is saved.
    began = video.evaluate("(video) => video.currentTime")
    wait_for(lambda: video.evaluate("(video) => video.currentTime") > began + 0.3, 10, "the film to go on")
    wall.keyboard.press("p")
    popped = "document.pictureInPictureElement"
    wait_for(lambda: wall.evaluate(f"{popped}?.tagName") == "VIDEO", 10, "the small window")
    # It ends full screen; the tile is small again, gets small pictures, and the window shows these.
    wait_for(lambda: wall.locator(f"{YARD} canvas").is_visible(), 10, "small pictures")
    wait_for(lambda: wall.evaluate(f"{popped}?.className") == "popped-film", 10, "the same in the window")
    # The page is hidden; the window goes on, and the other tiles are not watched.
    wall.evaluate(
        """() => { Object.defineProperty(document, 'hidden', { value: true, configurable: true });
            document.dispatchEvent(new Event('visibilitychange')); }"""
    )
    wait_for(lambda: watched(house) == {"yard"}, 15, "the others left")
    first = wall.evaluate(f"{popped}.currentTime")
    wait_for(lambda: wall.evaluate(f"{popped}.currentTime") > first + 1, 6, "pictures in the small window")
    wall.evaluate("document.exitPictureInPicture()")
    wait_for(lambda: not watched(house), 15, "nobody left who watches")
    assert wall.locator(".popped-film, [data-popped]").count() == 0


def watched(house: RealHouse) -> set[str]:
    """The cameras somebody is watching now."""
    ask = (
        "from main.models import ViewingSession; "
        "print(*ViewingSession.objects.filter(ended_at=None, left_at=None).values_list('camera_slug', flat=True))"
    )
    return set(house.manage("shell", "-v", "0", "-c", ask).split())
