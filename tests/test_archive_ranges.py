"""What a Range header asks for, and what a file answers: RFC 9110, section 14."""

import os
import random
import string
import struct
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from main.serving.ranges import (
    NoFileError,
    OpenedFile,
    StoredFile,
    UnsatisfiableError,
    file_reply,
    parse_range,
    whole_length,
)

BODY = bytes(range(256)) * 4
SIZE = len(BODY)


@pytest.fixture
def stored(tmp_path: Path) -> StoredFile:
    path = tmp_path / "clip.mp4"
    path.write_bytes(BODY)
    return StoredFile(path, "video/mp4", etag='"abc"', accel="3/recordings/yard/a b.mp4", name="Front dóor.mp4")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=0-", (0, SIZE - 1)),
        ("bytes=5-9", (5, 9)),
        ("BYTES = 5 - 9", (5, 9)),
        ("bytes=-3", (SIZE - 3, SIZE - 1)),
        ("bytes=-999999999999", (0, SIZE - 1)),
        ("bytes=1000-99999999999999999999999999", (1000, SIZE - 1)),
        # Not one well-formed range: the whole file.
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("bytes=--5", None),
        ("bytes=-5-", None),
        ("items=0-5", None),
        ("bytes=0x1-5", None),
        ("bytes=\u0661-\u0665", None),
        ("bytes=0-" + "9" * 200, None),
        ("bytes=" + ",".join("0-1" for _ in range(5000)), None),
    ],
)
def test_a_range_header_is_read(header: str, wanted: tuple[int, int] | None) -> None:
    assert parse_range(header, SIZE) == wanted


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=99999999999999999999999-", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        parse_range(header, SIZE)


def test_an_empty_file_satisfies_no_range() -> None:
    for header in ("bytes=0-", "bytes=-1"):
        with pytest.raises(UnsatisfiableError):
            parse_range(header, 0)


def test_no_header_breaks_anything() -> None:
    chance = random.Random(7)
    letters = "bytes=-,0123456789 " + string.printable + "é\u0660\x00"
    for _ in range(20_000):
        start = chance.choice(("bytes=", "bytes=0-", "", "bytes=-"))
        header = start + "".join(chance.choice(letters) for _ in range(chance.randrange(30)))
        try:
            found = parse_range(header, SIZE)
        except UnsatisfiableError:
            continue
        assert found is None or 0 <= found[0] <= found[1] < SIZE, header


def ask(stored: StoredFile, method: str = "GET", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return file_reply(RequestFactory().generic(method, "/x", headers=named), stored)


def test_the_whole_file_says_what_it_is(stored: StoredFile) -> None:
    reply = ask(stored)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "video/mp4" and reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Length"] == str(SIZE) and reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["ETag"] == '"abc"' and reply.headers["Last-Modified"].endswith("GMT")
    assert reply.headers["Content-Disposition"] == "inline; filename*=utf-8''Front%20d%C3%B3or.mp4"


def test_a_range_says_where_it_lies(stored: StoredFile) -> None:
    reply = ask(stored, Range="bytes=10-19")
    assert reply.status_code == 206
    assert (reply.headers["Content-Range"], reply.headers["Content-Length"]) == (f"bytes 10-19/{SIZE}", "10")
    refused = ask(stored, Range="bytes=5000-")
    assert (refused.status_code, refused.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


def test_a_range_counts_only_while_the_file_is_the_same(stored: StoredFile) -> None:
    modified = ask(stored).headers["Last-Modified"]
    for condition, status in (
        ('"abc"', 206),
        ('W/"abc"', 200),
        ('"other"', 200),
        (modified, 206),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
        ("nonsense", 200),
    ):
        assert ask(stored, Range="bytes=0-4", If_Range=condition).status_code == status, condition


def test_what_the_asker_has_already_is_not_sent_again(stored: StoredFile) -> None:
    known = ask(stored, If_None_Match='"zzz", "abc"', Range="bytes=0-4")
    assert (known.status_code, known.headers["ETag"]) == (304, '"abc"')
    assert ask(stored, If_None_Match='"zzz"').status_code == 200
    assert ask(stored, If_Modified_Since=ask(stored).headers["Last-Modified"]).status_code == 304
    assert ask(stored, If_Match='"zzz"').status_code == 412


def test_head_tells_the_size_and_sends_nothing(stored: StoredFile) -> None:
    reply = ask(stored, "HEAD", Range="bytes=0-4")
    assert (reply.status_code, reply.headers["Content-Length"], reply.content) == (200, str(SIZE), b"")


def test_what_is_being_written_is_sent_as_far_as_it_goes(stored: StoredFile) -> None:
    growing = StoredFile(stored.path, "video/mp4", growing=True)
    reply = ask(growing, Range="bytes=0-4", If_None_Match="*")
    assert (reply.status_code, reply.headers["Content-Length"]) == (200, str(SIZE))
    assert reply.headers["Accept-Ranges"] == "none" and "ETag" not in reply.headers


def box(kind: bytes, size: int, large: bool = False) -> bytes:
    head = struct.pack(">I4sQ", 1, kind, size + 16) if large else struct.pack(">I4s", size + 8, kind)
    return head + bytes(size)


@pytest.mark.parametrize("large", [False, True])
def test_half_a_piece_is_not_sent(tmp_path: Path, large: bool) -> None:
    whole = box(b"ftyp", 20) + box(b"moov", 30) + box(b"moof", 10) + box(b"mdat", 100, large)
    path = tmp_path / "clip"
    for torn in (b"", box(b"moof", 10), box(b"moof", 10)[:5], box(b"moof", 10) + box(b"mdat", 50)[:-1]):
        path.write_bytes(whole + torn)
        assert whole_length(OpenedFile(path)) == len(whole)
    for odd in (b"", b"x", bytes(100), b"\xff" * 100, struct.pack(">I4sQ", 1, b"mdat", 0) + bytes(9)):
        path.write_bytes(odd)
        assert whole_length(OpenedFile(path)) == len(odd)


def test_a_proxy_in_front_may_send_it(stored: StoredFile, settings: Any) -> None:
    settings.X_ACCEL_REDIRECT = "/protected"
    reply = ask(stored, Range="bytes=0-4")
    assert reply.headers["X-Accel-Redirect"] == "/protected/3/recordings/yard/a%20b.mp4"
    assert (reply.status_code, reply.content, reply.headers["Content-Type"]) == (200, b"", "video/mp4")


def test_only_ordinary_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "fifo")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("link", "fifo", ".", "nothing", "x\0y"):
        with pytest.raises(NoFileError):
            OpenedFile(tmp_path / name)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_closed_file_gives_nothing_and_its_number_is_free(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"xyz")
    before = len(os.listdir("/proc/self/fd"))
    opened = OpenedFile(tmp_path / "real")
    assert opened.read(2, 1) == b"yz"
    opened.close()
    opened.close()
    assert opened.read(2, 0) == b""
    for _ in range(50):
        OpenedFile(tmp_path / "real")  # nobody closes it
    assert len(os.listdir("/proc/self/fd")) == before
