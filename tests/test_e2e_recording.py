"""Real Chromium over the real house with a real RTSP camera: record while watching, look back, delete."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.house import RealHouse, wait_for
from tests.peers.rtsp import gstreamer
from tests.test_e2e import PASSWORD, browser, drawn, keep_picture, log_in, person

__all__ = ["browser"]
pytestmark = [pytest.mark.e2e, pytest.mark.peers]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("remembering"))
    house.start()
    with gstreamer(codec="h264", pattern="ball", width=640, height=360) as url:
        # What a motion event refers to stays: here nothing is to refer to the recordings but the log.
        off = "from camera.models import Camera; Camera.objects.update(detect='off'); Camera.objects.all().changed()"
        house.arrange(
            ("adduser", "alice", "--role", "owner"),
            ("adduser", "bob", "--role", "member"),
            ("addcamera", "Yard", url, "--slug", "yard", "--record", "off"),
            ("grant", "bob", "yard", "watch,playback,record,export"),
            ("shell", "-v", "0", "-c", off),
            ADDUSER_PASSWORD=PASSWORD,
        )
        yield house
        house.stop()
    print(house.log())


@pytest.fixture
def alice(browser: Browser, house: RealHouse) -> Iterator[Page]:
    yield from visitor(browser, house, "alice")


@pytest.fixture
def bob(browser: Browser, house: RealHouse) -> Iterator[Page]:
    yield from visitor(browser, house, "bob")


def visitor(browser: Browser, house: RealHouse, name: str) -> Iterator[Page]:
    context: BrowserContext = person(browser, house)
    page = context.new_page()
    log_in(page, name)
    yield page
    context.close()


def recordings(page: Page) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = page.request.get("/api/v1/recordings?camera=yard").json()["items"]
    return items


def record_session(page: Page) -> str:
    """Opens the live page and has it recorded; the id of its viewing session."""
    page.goto("/live/yard/")
    wait_for(lambda: drawn(page), 15, "a live picture")
    page.get_by_role("button", name="Record this session").click()
    expect(page.get_by_role("button", name="Stop recording")).to_be_visible(timeout=8_000)
    expect(page.locator("[data-recording]")).to_contain_text("▮ Recording", timeout=8_000)
    return str(page.locator("[data-record]").get_attribute("data-session"))


def closed(page: Page, number: int) -> list[dict[str, Any]]:
    items = recordings(page)
    return items if len(items) == number and all(item["state"] == "closed" for item in items) else []


def entry(page: Page, session: str) -> Locator:
    """The log entry of that session. A glimpse of the wall right before may be covered by the recording as well, since
    that begins at the key frame before: «— recorded» alone finds either."""
    return page.locator(f"#v{session}")


def test_record_this_session_then_look_back_and_delete(house: RealHouse, bob: Page) -> None:
    session = record_session(bob)
    keep_picture(bob, "live-recording")
    bob.wait_for_timeout(6_000)
    bob.goto("/events/")
    (item,) = wait_for(lambda: closed(bob, 1), 20, "the recording to be closed")  # type: ignore[misc]
    assert item["trigger"] == "session" and re.fullmatch("[0-9a-f]{64}", item["sha256"])
    bob.goto("/logs/")
    line = entry(bob, session)
    expect(line).to_contain_text(re.compile(r"watched\s+Yard.*— recorded", re.DOTALL))
    keep_picture(bob, "log-recorded")
    line.get_by_role("link", name=re.compile("Watch")).first.click()
    expect(bob).to_have_url(re.compile(rf"/recordings/{item['id']}/"))
    plays_and_seeks(bob)
    keep_picture(bob, "player")
    ranges(bob, item)
    with bob.expect_download() as told:
        bob.get_by_role("link", name="Download", exact=True).click()
    assert Path(told.value.path()).stat().st_size == item["bytes"]
    delete_by_log(bob, house, item, session)


def plays_and_seeks(page: Page) -> None:
    video = page.locator("video")
    wait_for(lambda: video.evaluate("v => v.readyState >= 1 && v.duration > 5"), 10, "the film's length")
    length = video.evaluate("v => v.duration")
    video.evaluate("v => { v.muted = true; v.currentTime = v.duration / 2; return v.play(); }")
    wait_for(lambda: video.evaluate("v => v.currentTime") > length / 2 + 0.5, 10, "playing on from the middle")
    assert video.evaluate("v => v.videoWidth") == 640
    assert video.evaluate("v => v.error") is None


def ranges(page: Page, item: dict[str, Any]) -> None:
    part = page.request.get(item["file"], headers={"Range": "bytes=100-199"})
    assert part.status == 206 and len(part.body()) == 100
    assert part.headers["content-range"] == f"bytes 100-199/{item['bytes']}"
    assert page.request.get(item["file"], headers={"Range": f"bytes={item['bytes']}-"}).status == 416


def delete_by_log(page: Page, house: RealHouse, item: dict[str, Any], session: str) -> None:
    files = list((house.folder / "media" / "recordings" / "yard").rglob("*.mp4"))
    assert len(files) == 1
    page.goto("/logs/")
    entry(page, session).get_by_role("link", name=re.compile("Delete")).click()
    expect(page.locator("main")).to_contain_text("1 recording")
    keep_picture(page, "log-delete")
    page.get_by_role("button", name=re.compile("Delete log entry")).click()
    assert recordings(page) == []
    assert page.request.get(item["file"]).status == 404
    wait_for(lambda: not files[0].exists(), 10, "the file to go")
    expect(page.locator("main")).not_to_contain_text("— recorded")


def test_two_members_record_at_once_into_one_file(house: RealHouse, alice: Page, bob: Page) -> None:
    before = {item["id"] for item in recordings(alice)}
    record_session(alice)
    record_session(bob)
    bob.wait_for_timeout(2_000)
    bob.goto("/events/")
    alice.wait_for_timeout(8_000)  # bob's session ends; alice's goes on
    (going,) = [item for item in recordings(alice) if item["id"] not in before]
    assert going["state"] == "open"
    alice.goto("/events/")
    done = wait_for(
        lambda: [item for item in recordings(alice) if item["id"] not in before and item["state"] == "closed"],
        20,
        "the recording to end with alice's session",
    )
    assert len(done) == 1  # type: ignore[arg-type]
    with sqlite3.connect(f"file:{house.folder}/db.sqlite3?mode=ro", uri=True) as rows:
        reasons, people = rows.execute(
            "SELECT reasons, people FROM camera_recording WHERE id = ?",
            (done[0]["id"],),  # type: ignore[index]
        ).fetchone()
    assert len(json.loads(reasons)) == 2 and len(json.loads(people)) == 2
    viewings = alice.request.get("/api/v1/viewings?camera=yard").json()["items"]
    covered = {one["user"] for one in viewings if done[0]["id"] in one["recordings"] and one["recorded"]}  # type: ignore[index]
    assert covered == {"alice", "bob"}
    # Bob alone may not delete what was alice's as well.
    assert bob.request.get(f"/recordings/{done[0]['id']}/delete/").status == 403  # type: ignore[index]
    house_is_right(house)


def house_is_right(house: RealHouse) -> None:
    assert "breach" not in house.manage("checkmedia").lower()
