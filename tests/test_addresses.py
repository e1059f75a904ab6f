"""SOURCE words: what is taken, what is refused, and that credentials come apart."""

import random
import string

import pytest

from camera.addresses import Address, AddressError, host_and_port, parse_source

GOOD = {
    "rtsp://192.168.1.20/stream1": Address("rtsp", "rtsp://192.168.1.20/stream1"),
    " RTSP://Cam.local:8554/a?b=c&d=1 ": Address("rtsp", "rtsp://cam.local:8554/a?b=c&d=1"),
    "rtsps://u:p@h/x": Address("rtsp", "rtsps://h/x", "u", "p"),
    "rtsp://u:p@ss#1:x@h:554/x": Address("rtsp", "rtsp://h:554/x", "u", "p@ss#1:x"),
    "rtsp://u%40b:p%2Fw%3A%25@h/x": Address("rtsp", "rtsp://h/x", "u@b", "p/w:%"),
    "http://u@h/x.jpg": Address("http", "http://h/x.jpg", "u"),
    "https://[2001:db8::5]:8443/v": Address("http", "https://[2001:db8::5]:8443/v"),
    "rtsp://h/ch=1&user=x": Address("rtsp", "rtsp://h/ch=1&user=x"),
    "rtsp://h/straße?q=ü": Address("rtsp", "rtsp://h/stra%C3%9Fe?q=%C3%BC"),
    "rtsp://h/a%20b": Address("rtsp", "rtsp://h/a%20b"),
    "http://h/x#fragment": Address("http", "http://h/x"),
    "device:/dev/video0": Address("v4l2", "/dev/video0"),
    "device:/dev/video999": Address("v4l2", "/dev/video999"),
    "file:yard.mp4": Address("file", "yard.mp4"),
    "file:a b'c$(x).mp4": Address("file", "a b'c$(x).mp4"),
    "pattern:": Address("pattern", ""),
}


@pytest.mark.parametrize("source", list(GOOD))
def test_good_words(source: str) -> None:
    assert parse_source(source) == GOOD[source]


@pytest.mark.parametrize("source", [s for s in GOOD if "@" not in s and "#" not in s and "ß" not in s])
def test_the_word_can_be_made_again(source: str) -> None:
    address = parse_source(source)
    assert parse_source(address.source) == address


SCHEMES = (
    "exec ffmpeg concat subfile pipe data lavfi gopher unix async srt crypto cache tcp udp rtp ftp javascript rtmp x"
)
BAD = [f"{scheme}:whatever" for scheme in SCHEMES.split()] + [
    "", "rtsp", "/dev/video0", "192.168.1.20", "rtsp:h/x", "rtsp:///x", "rtsp://", "rtsp://u:p@/x", "rtsp://h:0x50/",
    "rtsp://h:99999/", "rtsp://h:-1/", "http://h h/", "http://h\\@evil/", "rtsp://h/a b", "rtsp://h/\nx", "rtsp://h\0/",
    "rtsp://$(id)/x", "rtsp://`id`/", "http://h;id/", "http://[::1", "http://ex\u2100mple/", "device:/dev/video",
    "device:/dev/video1234", "device:/dev/../etc/passwd", "device:/dev/video0\n.", "device:video0", "file:", "file:.",
    "file:..", "file:../x", "file:/etc/passwd", "file:a/b", "file:a\\b", "file:.hidden", "file:a\0b",
    "file:" + "x" * 250,
    "pattern:x", "pattern", "file://etc/passwd", "rtsp://admin:12/ss@host/", "rtsp://u:p@ss/w@host/", "http://u:5?x@h/",
]  # fmt: skip


@pytest.mark.parametrize("source", BAD)
def test_bad_words_are_refused_in_words(source: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_source(source)
    assert str(caught.value)


@pytest.mark.parametrize("password", ["p/S3CRET@h/", "12/S3CRET", "x?S3CRET", "S3C RET", "1:S3CRET/y"])
def test_a_password_that_confuses_is_neither_kept_in_the_address_nor_shown(password: str) -> None:
    try:
        address = parse_source(f"rtsp://admin:{password}@192.168.1.5/stream")
    except AddressError as error:
        assert "S3C" not in str(error)
    else:
        assert "S3C" not in address.address


def test_any_text_is_an_address_or_a_refusal() -> None:
    chance = random.Random(4)
    letters = string.printable + "ß漢\u2100\u202e\0"
    for _ in range(4000):
        start = chance.choice(["rtsp://", "http://", "https://u:p@", "file:", "device:/dev/video", "pattern:", ""])
        source = start + "".join(chance.choices(letters, k=chance.randrange(12)))
        try:
            address = parse_source(source)
        except AddressError:
            continue
        assert address.kind in ("rtsp", "http", "file", "v4l2", "pattern")
        assert not set(address.address) & set("\r\n\0") and "@" not in address.address.partition("://")[2]
        if address.kind in ("rtsp", "http"):
            host, port = host_and_port(address.address)
            assert host and 0 < port < 65536 and address.address.isascii()


def test_ports() -> None:
    assert host_and_port("rtsp://h/x") == ("h", 554) and host_and_port("rtsps://h/x") == ("h", 322)
    assert host_and_port("http://h/x") == ("h", 80) and host_and_port("https://[::5]:9/x") == ("::5", 9)
