"""The archive in real Chromium: a recording is found, played, stepped through, and taken away."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

from accounts.models import User
from camera.models import Camera, Event, Recording
from main.models import LogLine
from tests.archive_cast import filed, picture, video
from tests.conftest import PASSWORD
from tests.footage_cast import happened, recorded
from tests.house import wait_for
from tests.live_house import Web
from tests.test_e2e import FLAGS

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = os.environ.get("FAIRWATCH_TEST_PICTURES")
ODD = '"><img src=x onerror=window.x=1> {{7*7}} باب 🚪'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    # Playwright's own loop runs in this thread; the tests' rows are made in it all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def clip(tmp_path: Path, yard: Camera) -> Recording:
    """Eight seconds at 20 pictures a second, with a motion in the middle."""
    at = datetime.now(UTC).replace(hour=9, minute=30, second=0, microsecond=0) - timedelta(days=1)
    made = filed(
        yard, video(tmp_path / "made.mp4"), at, seconds=8, ended_at=at + timedelta(seconds=8), width=320, height=180
    )
    still(tmp_path, made)
    happened(yard, at + timedelta(seconds=5), made, ended_at=at + timedelta(seconds=6))
    return made


def still(folder: Path, recording: Recording) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(folder / "still.jpg"), np.full((180, 320, 3), (120, 140, 90), np.uint8))
    picture(recording, (folder / "still.jpg").read_bytes())


def log_in(page: Page, web: Web, name: str = "alice") -> None:
    page.goto(f"http://127.0.0.1:{web.port}/accounts/login/")
    page.fill("[name=login]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")


def shoot(page: Page, name: str) -> None:
    """Pictures of the page as a phone and a wide screen show it, light and dark."""
    if not PICTURES:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width, height in ((360, 740), (1440, 900)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(300)  # colours change slowly
            page.screenshot(path=f"{PICTURES}/{name}-{width}-{scheme}.png", full_page=width == 360)


def until(page: Page, script: str) -> None:
    """Asked from outside: the page's own rules forbid what Playwright would wait with."""
    wait_for(lambda: page.evaluate(script), 10, script)


def fits(page: Page) -> None:
    """Nothing is wider than a phone."""
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_recording_is_found_played_and_taken_away(
    browser: Browser, web: Web, alice: User, yard: Camera, clip: Recording
) -> None:
    page = browser.new_page(accept_downloads=True)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    log_in(page, web)
    replies: list[Response] = []
    page.on("response", lambda reply: replies.append(reply) if "/file/" in reply.url else None)
    page.goto(f"http://127.0.0.1:{web.port}/recordings/")
    shoot(page, "list")
    page.click(".clip-link")
    until(page, "document.querySelector('video').readyState >= 2")
    assert page.evaluate("document.querySelector('video').duration") == pytest.approx(8, abs=0.3)
    assert any(reply.status == 206 for reply in replies), [reply.status for reply in replies]
    shoot(page, "player")
    page.click(".moment")
    until(page, "document.querySelector('video').currentTime > 4.5")
    expect(page.locator("[data-clock]")).to_contain_text("09:30:0")
    page.click("[data-frame='1']")
    until(page, "document.querySelector('video').paused && !document.querySelector('video').seeking")
    at = page.evaluate("document.querySelector('video').currentTime")
    page.keyboard.press("Tab")
    page.click("[data-frame='1']")
    until(page, f"document.querySelector('video').currentTime > {at}")
    assert page.evaluate("document.querySelector('video').currentTime") - at == pytest.approx(0.05, abs=0.03)
    with page.expect_download() as taken:
        page.click("[data-still]")
    assert taken.value.suggested_filename.startswith(f"Yard {clip.started_at:%Y-%m-%d} 09-30-0")
    with page.expect_download() as taken:
        page.click(".beneath-head .btn-primary")
    assert taken.value.suggested_filename == f"Yard {clip.started_at:%Y-%m-%d} 09-30-00.mp4"
    assert Path(taken.value.path()).read_bytes() == clip.path.read_bytes()
    lines = LogLine.objects.filter(what__in=("played", "exported")).order_by("pk")
    assert list(lines.values_list("what", flat=True)) == ["played", "exported"]
    fits(page)
    assert not faults
    page.close()


@pytest.mark.parametrize("torn", [0, 700, 40])
def test_what_is_still_being_recorded_plays_as_far_as_it_goes(
    torn: int, browser: Browser, web: Web, alice: User, yard: Camera, tmp_path: Path
) -> None:
    body = video(tmp_path / "open.mp4", seconds=6, close=False)
    body = body[: len(body) - torn]
    recording = filed(yard, body, datetime.now(UTC), state="open", ended_at=None, seconds=0, bytes=0, sha256="")
    page = browser.new_page()
    log_in(page, web)
    page.goto(f"http://127.0.0.1:{web.port}/recordings/{recording.pk}/")
    until(page, "document.querySelector('video').readyState >= 2")
    page.evaluate("void document.querySelector('video').play()")
    until(page, "document.querySelector('video').currentTime > 3.5 || document.querySelector('video').error")
    assert page.evaluate("document.querySelector('video').error") is None
    until(page, "document.querySelector('video').ended || document.querySelector('video').error")
    assert page.evaluate("document.querySelector('video').error") is None
    shoot(page, "open")
    page.close()


def test_a_copy_is_played_as_soon_as_it_is_ready(
    browser: Browser, web: Web, alice: User, yard: Camera, tmp_path: Path
) -> None:
    made = filed(yard, b"H.265 that this browser cannot play", codec="hevc")
    page = browser.new_page()
    log_in(page, web)
    page.goto(f"http://127.0.0.1:{web.port}/recordings/{made.pk}/")
    expect(page.locator("[data-trouble]")).to_contain_text("Make it playable below")
    page.click("text=Make playable")
    expect(page.locator("#playable")).to_contain_text("0 %")
    Recording.objects.filter(pk=made.pk).update(playable="working", playable_percent=40)
    expect(page.locator("#playable")).to_contain_text("40 %")
    shoot(page, "playable")
    made.playable_path.write_bytes(video(tmp_path / "copy.mp4"))
    Recording.objects.filter(pk=made.pk).update(playable="ready", playable_percent=100)
    until(page, "document.querySelector('video').readyState >= 2")
    expect(page.locator("[data-trouble]")).to_be_hidden()
    page.close()


def test_a_place_on_the_day_leads_to_that_moment(browser: Browser, web: Web, alice: User, yard: Camera) -> None:
    at = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    recording = recorded(yard, at, 7200)
    page = browser.new_page()
    log_in(page, web)
    page.goto(f"http://127.0.0.1:{web.port}/recordings/")
    plot = page.locator(".strip-plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 13 / 24, box["y"] + 30)
    page.wait_for_url(f"**/recordings/{recording.pk}/?t=*")
    second = float(page.url.rpartition("=")[2])
    assert second == pytest.approx(3600, abs=120)
    page.go_back()
    plot.focus()
    page.keyboard.press("Home")
    for _ in range(75):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/recordings/{recording.pk}/?t=1800*")
    page.close()


def test_pages_full_of_odd_names(browser: Browser, web: Web, alice: User, yard: Camera, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for number, name in enumerate((ODD, "Front door of the house at the lake, left", "Shed", "Attic")):
        camera = Camera.objects.create(name=name, slug=f"camera-{number}", kind="pattern", position=number)
        for hours in range(1, 12, 2):
            at = now - timedelta(hours=hours + 12, minutes=7 * number)
            state = ("closed", "interrupted", "missing", "damaged")[hours // 2 % 4]
            made = filed(camera, at=at, state=state, detail="the disk was full" if state != "closed" else "",
                         ended_at=at + timedelta(minutes=40 * number + 1), seconds=60 * (40 * number + 1),
                         trigger="session", reasons=["session:1", f"manual:{ODD}"[:150], "motion"],
                         bytes=84_000_000)  # fmt: skip
            still(tmp_path, made)
            happened(camera, at, made, ended_at=at + timedelta(seconds=30 * hours))
            happened(camera, at + timedelta(minutes=2), made, kind=Event.Kind.PERSON, label=ODD[:60])
    Recording.objects.filter(camera__slug="camera-0").update(kept_at=now, kept_by=ODD[:150])
    page = browser.new_page()
    log_in(page, web)
    made = Recording.objects.filter(camera__slug="camera-0", state="interrupted").latest("pk")
    for path, name in (
        ("", "full"),
        (f"{made.pk}/", "odd"),
        (f"{made.pk}/delete/", "delete"),
        ("?camera=attic", "none"),
    ):
        page.goto(f"http://127.0.0.1:{web.port}/recordings/{path}")
        shoot(page, name)
        fits(page)
        assert page.evaluate("window.x") is None
    page.close()
