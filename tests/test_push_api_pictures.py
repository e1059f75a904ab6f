"""What is taken for a picture and what is not, by its marks alone; and how much may come."""

import asyncio
import json
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from main.pushing import headers
from main.pushing.picture import BadPictureError
from tests.conftest import shared_file
from tests.push_house import JPEG, PushHouse, jpeg, push_house

pytestmark = pytest.mark.slow


def other(form: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 48)).save(out, form)
    return out.getvalue()


def claims(width: int, height: int, sof: int = 0xC0, components: int = 3, precision: int = 8) -> bytes:
    """A JPEG whose frame header says so, whatever is in it."""
    at = JPEG.index(b"\xff\xc0")
    head = struct.pack(">BHHB", precision, height, width, components)
    length = struct.pack(">H", 8 + 3 * components)
    return JPEG[: at + 1] + bytes([sof]) + length + head + b"\x01\x11\x00" * components + JPEG[at + 19 :]


def refused(data: bytes) -> tuple[int, str]:
    with pytest.raises(BadPictureError) as caught:
        headers.look(data)
    return caught.value.answer.status, caught.value.answer.code


@pytest.mark.parametrize(
    "data",
    [JPEG, jpeg(mode="L"), jpeg(progressive=True), jpeg(optimize=True), jpeg(16, 16), jpeg(1920, 1080),
     jpeg(subsampling=0), claims(64, 48)],
)  # fmt: skip
def test_ordinary_jpegs_are_taken_as_they_are(data: bytes) -> None:
    assert headers.look(data)[0] is data


def test_what_hangs_on_behind_the_end_is_cut_off() -> None:
    assert headers.look(JPEG + b"\0" * 100 + b"PK\x03\x04 a zip file")[0] == JPEG


@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "JPEG2000", "PDF"])
def test_other_formats_are_no_jpegs(form: str) -> None:
    assert refused(other(form))[0] == (400 if form == "ICO" else 415)


@pytest.mark.parametrize("data", [b"<svg xmlns=''/>", b"<?xml version='1.0'?>", b"\0\0\0\x20ftypavif", b"PK\x03\x04"])
def test_other_files_are_no_jpegs(data: bytes) -> None:
    assert refused(data)[0] == 415


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"garbage" * 100, JPEG[:-1], JPEG[: len(JPEG) // 2], JPEG[:40],
        JPEG[2:], b"\xff\xd8\xff\xe1\xff\xff" + b"Exif" * 30_000, b"\xff" * 10_000, b"\xff\xd8" + b"\xff" * 10_000,
        claims(0, 48), claims(64, 0), claims(15, 48), claims(64, 15), claims(64, 48, sof=0xC3),
        claims(64, 48, sof=0xC9), claims(64, 48, components=4), claims(64, 48, components=2),
        claims(64, 48, components=0), claims(64, 48, precision=12), jpeg(mode="CMYK"),
    ],
)  # fmt: skip
def test_what_is_no_whole_ordinary_jpeg_is_refused(data: bytes) -> None:
    assert refused(data) == (400, "bad_image")


@pytest.mark.parametrize("size", [(65535, 65535), (1, 60000), (60000, 1), (16385, 16), (6000, 5000)])
def test_a_bomb_is_refused_by_its_size_alone(size: tuple[int, int]) -> None:
    assert refused(claims(*size)) == (413, "too_large")


def test_no_body_takes_long_to_refuse() -> None:
    head = JPEG[: JPEG.index(b"\xff\xda")] + b"\xff\xda\x00\x0c" + b"\0" * 10
    for filling in (b"\xff\x01\0\0", b"\xff\xfe\0\x02", b"\xff\xda\0\x02", b"\xff\xff", b"\xff\x00", b"\0\0"):
        began = time.perf_counter()
        refused((head + filling * 4_000_000)[:8_000_000])
        assert time.perf_counter() - began < 0.5, filling


def test_damaged_files_of_others_are_refused_or_whole() -> None:
    """Fuzzers' findings: none may raise anything else, and what is taken starts and ends as a JPEG."""
    taken = 0
    for path in sorted(shared_file("data/corrupt").glob("*.jp*g")):
        try:
            data, width, height = headers.look(path.read_bytes())
        except BadPictureError:
            continue
        taken += 1
        assert data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")
        assert 16 <= width <= 16384 and 16 <= height <= 16384
    assert taken


# --- over the wire ---


@pytest.fixture
def house(settings: Any, tmp_path: Path) -> Iterator[PushHouse]:
    settings.RUN_DIR = tmp_path
    with push_house() as house:
        yield house


wire = pytest.mark.django_db(transaction=True)


@wire
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("image/jpeg", 202), ("image/jpg", 202), ("image/pjpeg", 202), ("application/octet-stream", 202),
        ("binary/octet-stream", 202), ("application/x-www-form-urlencoded", 202), ("IMAGE/JPEG; q=1", 202), ("", 202),
        ("image/png", 415), ("multipart/form-data; boundary=x", 415), ("text/plain", 415), ("application/json", 415),
        ("image/jpeg, text/html", 415),
    ],
)  # fmt: skip
def test_the_declared_type(kind: str, status: int, house: PushHouse) -> None:
    told = house.post(**({"Content_Type": kind} if kind else {}))
    assert told.status == status
    assert len(house.engine.frames) == (status == 202)


@wire
@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("X-Captured-At", "yesterday", "bad_time"), ("X-Captured-At", "2026-01-01T00:00:00", "bad_time"),
        ("X-Captured-At", "1e9", "bad_time"), ("X-Captured-At", "-5", "bad_time"), ("X-Captured-At", "nan", "bad_time"),
        ("X-Captured-At", "1795274401314", "bad_time"), ("X-Captured-At", "1000000000", "bad_time"),
        ("X-Captured-At", "9" * 60_000, "bad_time"), ("X-Captured-At", "0001-01-01T00:00:00+14:00", "bad_time"),
        ("X-Event-Kind", "flood", "bad_event_kind"), ("X-Event-Kind", "camera_offline", "bad_event_kind"),
        ("X-Event-Id", "no kind", "bad_event_id"),
    ],
)  # fmt: skip
def test_headers_that_cannot_be_read(name: str, value: str, code: str, house: PushHouse) -> None:
    told = house.post(**{name.replace("-", "_"): value})
    assert (told.status, told.code) == (400, code)
    assert house.engine.frames == []


@pytest.mark.parametrize("value", ["x" * 101, "a\x7fb", "a\u200eb", "a\tb"])
def test_an_event_id_is_short_and_printable(value: str) -> None:
    with pytest.raises(BadPictureError):
        headers.read([], ["spill"], [value])


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("seconds", "at", "late"),
    [(0, NOW, False), (-9.5, NOW - 9.5, False), (-10.5, NOW - 10.5, True), (4.5, NOW + 4.5, False),
     (5.5, None, False), (1e9, None, False), (-364 * 86400, NOW - 364 * 86400, True)],
)  # fmt: skip
def test_whose_clock_counts(seconds: float, at: float | None, late: bool) -> None:
    said = headers.read([str(NOW + seconds)], [], [], NOW)
    assert (said.captured_at, said.late, said.clock) == (at, late, "arrival" if at is None else "source")


@wire
def test_uploads_by_other_doors_than_the_short_cut_are_the_same(house: PushHouse, async_client: Any) -> None:
    """Django's own views, which answer where another server runs."""

    async def ask(path: str, data: bytes, **given: str) -> tuple[int, bytes]:
        extra = {"headers": given} if given else {}
        reply = await async_client.post(path, data, content_type="image/jpeg", **extra)
        return reply.status_code, reply.content

    frames, upload = "/api/v1/cameras/pier/frames", "/api/upload_frame"
    key = {"X-Camera-Auth": house.key}

    async def all_of_them() -> list[tuple[int, bytes]]:
        return [
            await ask(frames, JPEG), await ask(frames, b"nothing", **key), await ask(upload, JPEG),
            await ask(frames, b"x" * (8 * 1024 * 1024 + 1), **key), await ask("/api/v1/cameras/x/frames", JPEG, **key),
        ]  # fmt: skip

    found = asyncio.run(all_of_them())
    assert [status for status, _ in found] == [401, 400, 401, 413, 404]
    assert json.loads(found[1][1])["error"]["code"] == "bad_image" and found[2][1] == b"Unauthorized"


# --- large bodies ---


@wire
def test_curl_and_requests_see_the_refusal_of_a_large_body(house: PushHouse, tmp_path: Path) -> None:
    import requests

    data = b"\xff\xd8\xff" + b"x" * 50_000_000
    url = f"http://127.0.0.1:{house.web.port}/api/v1/cameras/pier/frames"
    for body in (data, (data[at : at + 1_000_000] for at in range(0, len(data), 1_000_000))):
        reply = requests.post(url, data=body, headers={"X-Camera-Auth": house.key}, timeout=20)
        assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large")
    (tmp_path / "large").write_bytes(data)
    words = ["curl", "-sS", "-w", "%{http_code}", "-o", "/dev/null", "--data-binary", f"@{tmp_path}/large"]
    assert subprocess.run([*words, url], capture_output=True, timeout=20, check=False).stdout == b"413"


@wire
def test_endless_and_lying_bodies_cost_no_memory(house: PushHouse) -> None:
    process = psutil.Process()
    house.post()
    before = process.memory_info().rss
    head = f"POST /api/v1/cameras/pier/frames HTTP/1.1\r\nHost: localhost\r\nX-Camera-Auth: {house.key}\r\n"
    piece = b"x" * 1_000_000
    for length in ("Transfer-Encoding: chunked", "Content-Length: 300000000"):
        with socket.create_connection(("127.0.0.1", house.web.port), 20) as sock:
            sock.sendall(f"{head}{length}\r\n\r\n".encode())
            with pytest.raises(OSError):  # noqa: PT012 (which of them finds the connection closed is the kernel's)
                for _ in range(300):
                    sock.sendall(b"f4240\r\n" + piece + b"\r\n" if "chunked" in length else piece)
    with socket.create_connection(("127.0.0.1", house.web.port), 20) as sock:
        sock.sendall(f"{head}Content-Length: 5\r\nConnection: close\r\n\r\n".encode() + JPEG)
        assert sock.recv(100).startswith(b"HTTP/1.1 400")
    assert process.memory_info().rss - before < 50_000_000
    assert house.post().status == 202
