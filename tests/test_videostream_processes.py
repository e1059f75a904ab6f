"""A sender for the oil-spill server, unchanged, against a whole real house with real photographs."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import shared_file
from tests.house import RealHouse, wait_for
from tests.spill_cast import PASSWORD

pytestmark = pytest.mark.processes
KEY = {"X-Camera-Auth": PASSWORD}


@pytest.fixture(scope="module")
def photos() -> list[bytes]:
    folder = shared_file("data/oil/photo_oil")
    return [path.read_bytes() for path in sorted(folder.glob("*.jpg"))[:6]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path_factory.mktemp("house"), {"CAMERA_PASSWORD": PASSWORD})
    house.arrange(("adduser", "alice", "--role", "owner"), ADDUSER_PASSWORD="correct horse battery")
    house.start()
    yield house
    house.stop()


def send(house: RealHouse, photo: bytes, *, flagged: bool) -> requests.Response:
    """As the senders do it."""
    return requests.post(
        house.url + "/api/upload_frame",
        data=photo,
        headers={
            "Content-Type": "image/jpeg",
            "X-Camera-Auth": PASSWORD,
            "X-Oil-Spill-Detected": "true" if flagged else "false",
        },
        timeout=10,
    )


def sent(house: RealHouse, photo: bytes, *, flagged: bool) -> None:
    reply = send(house, photo, flagged=flagged)
    assert (reply.status_code, reply.text) == (200, "Frame received")


def told(house: RealHouse, path: str) -> Any:
    reply = requests.get(house.url + path, headers=KEY, timeout=10)
    assert reply.status_code == 200, (path, reply.status_code, reply.text)
    return reply.json()


def events(house: RealHouse, kind: str) -> list[dict[str, Any]]:
    """Rows of that kind, oldest first."""
    with sqlite3.connect(f"file:{house.folder}/db.sqlite3?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT * FROM camera_event WHERE kind = ? ORDER BY started_at, id", (kind,))
        return [dict(row) for row in rows]


def ended(house: RealHouse, count: int) -> bool:
    found = events(house, "spill")
    return len(found) == count and all(row["ended_at"] for row in found)


def kept(house: RealHouse) -> list[Path]:
    return sorted((house.folder / "media/events/spill").glob("*/oil_spill_*.jpg"))


def test_the_house_takes_the_place_of_the_oil_spill_server(house: RealHouse, photos: list[bytes]) -> None:
    wait_for(lambda: send(house, photos[0], flagged=False).status_code == 200, 30, "the camera to take pictures")
    assert requests.get(house.url, timeout=5).text == "Video Streaming Server is running"
    status = told(house, "/api/status")
    assert (status["oil_spill_detected"], status["oil_spill_events"]) == (False, 0)
    began = time.time()
    for photo in photos[:4]:
        sent(house, photo, flagged=True)
        time.sleep(0.2)
    status = told(house, "/api/status")
    assert status["stream_active"] is True and status["oil_spill_detected"] is True
    assert status["oil_spill_events"] == 4
    assert began - 1 < status["last_frame_time"] <= status["server_time"]
    assert told(house, "/api/detection_summary")["current_status"] == "ALERT: Oil spill detected"
    sent(house, photos[4], flagged=False)
    wait_for(lambda: ended(house, 1), 5, "the end of the spill")
    assert told(house, "/api/status")["oil_spill_detected"] is False
    summary, entries = told(house, "/api/detection_summary"), told(house, "/api/oil_spill_events")
    assert (summary["current_status"], summary["total_events"]) == ("Normal: No oil spill detected", 4)
    assert summary["last_detection"] == entries[-1]["datetime"]
    check_entries(house, entries, photos[:4], began)


def check_entries(house: RealHouse, entries: list[dict[str, str]], photos: list[bytes], began: float) -> None:
    """Each flagged picture can be fetched by its address, and lies in its folder, byte for byte."""
    assert len(entries) == len(photos)
    for entry, photo in zip(entries, photos, strict=True):
        at = datetime.fromisoformat(entry["datetime"])
        assert at.utcoffset() is not None and began - 1 < at.timestamp() < time.time()
        assert entry["timestamp"] == f"{at.astimezone(UTC):%Y%m%d_%H%M%S}"
        reply = requests.get(house.url + entry["frame_path"], headers=KEY, timeout=10)
        assert (reply.headers["Content-Type"], reply.content) == ("image/jpeg", photo)
        assert requests.get(house.url + entry["frame_path"], timeout=10).status_code == 401
    files = kept(house)
    assert sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files) == sorted(
        hashlib.sha256(photo).hexdigest() for photo in photos
    )
    assert {path.parent.name for path in files} <= {entry["datetime"][:10] for entry in entries}
    assert all(entry["timestamp"] in {path.name[10:25] for path in files} for entry in entries)


def test_the_newest_frame_and_the_stream(house: RealHouse, photos: list[bytes]) -> None:
    sent(house, photos[5], flagged=False)
    reply = requests.get(house.url + "/api/frame", headers=KEY, timeout=10)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "image/jpeg")
    assert reply.content == photos[5]
    assert abs(float(reply.headers["X-Timestamp"]) - time.time()) < 5
    with requests.get(house.url + "/stream", headers=KEY, stream=True, timeout=10) as stream:
        assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        pieces, got = stream.iter_content(None), b""
        sent(house, photos[4], flagged=False)
        while photos[4] not in got:
            got += next(pieces)
        body = json.dumps({"password": PASSWORD})
        stop = requests.post(house.url + "/api/stop_stream", data=body, timeout=10)
        assert (stop.status_code, stop.json()) == (200, {"status": "Stream stopped"})
        stopped = time.monotonic()
        assert list(pieces) is not None and time.monotonic() - stopped < 3
    assert requests.get(house.url + "/stream", headers=KEY, timeout=10).status_code == 503
    sent(house, photos[3], flagged=False)  # still taken
    start = requests.post(house.url + "/api/start_stream", data=body, timeout=10)
    assert (start.status_code, start.json()) == (200, {"status": "Stream started"})


def test_what_is_no_picture_of_the_camera_is_refused(house: RealHouse, photos: list[bytes]) -> None:
    before = told(house, "/api/status")["oil_spill_events"]
    url, flag = house.url + "/api/upload_frame", {"X-Oil-Spill-Detected": "true"}
    for headers, body, expected in (
        ({}, photos[0], 401),
        ({"X-Camera-Auth": "wrong"}, photos[0], 401),
        (KEY, b"", 400),
        (KEY, photos[0][:2000], 400),
        (KEY, b"\x89PNG\r\n\x1a\n" + b"\0" * 100, 415),
        (KEY | {"Content-Type": "image/png"}, photos[0], 415),
    ):
        reply = requests.post(url, data=body, headers=headers | flag, timeout=10)
        assert reply.status_code == expected, reply.text
    assert told(house, "/api/status")["oil_spill_events"] == before
    assert len(kept(house)) == before


@pytest.mark.slow
def test_thirty_seconds_of_silence_end_a_spill_and_ten_the_camera(house: RealHouse, photos: list[bytes]) -> None:
    before = len(events(house, "camera_offline"))
    count = len(events(house, "spill"))
    sent(house, photos[0], flagged=True)
    sent(house, photos[1], flagged=True)
    last = time.time()
    assert told(house, "/api/status")["oil_spill_detected"] is True
    wait_for(lambda: len(events(house, "camera_offline")) == before + 1, 20, "the camera to be offline")
    assert time.time() - last > 9
    wait_for(lambda: ended(house, count + 1), 40, "the end of the spill")
    assert time.time() - last > 29
    spill, outage = events(house, "spill")[-1], events(house, "camera_offline")[-1]
    assert abs(datetime.fromisoformat(spill["ended_at"] + "+00:00").timestamp() - last) < 3
    assert outage["ended_at"] is None and outage["label"]
    assert told(house, "/api/detection_summary")["current_status"] == "Normal: No oil spill detected"
    assert requests.get(house.url + "/api/frame", headers=KEY, timeout=10).text == "No frame available"
    sent(house, photos[2], flagged=False)
    wait_for(lambda: events(house, "camera_offline")[-1]["ended_at"], 5, "the end of the outage")
