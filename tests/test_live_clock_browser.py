"""What the live page reckons with, in real Chromium: the house's clock from pings, the times in pieces of a film."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Browser, Page

from tests.peers import clips
from tests.test_e2e import browser

__all__ = ["browser"]
pytestmark = pytest.mark.e2e
SCRIPTS = Path(__file__).resolve().parent.parent / "static" / "js"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def with_module(page: Page, name: str, code: str, argument: Any = None) -> Any:
    """What `code`, a function of the module `name` and an argument, gives."""
    url = f"data:text/javascript;base64,{base64.b64encode((SCRIPTS / name).read_bytes()).decode()}"
    return page.evaluate(f"async ([url, argument]) => ({code})(await import(url), argument)", [url, argument])


def offset(page: Page, pings: list[tuple[float, float, float]]) -> float:
    """What the page takes for the house's clock less its own after these pings: sent, received, the house's time."""
    code = """({HouseClock}, pings) => {
        const clock = new HouseClock();
        for (const ping of pings) clock.add(...ping);
        return clock.at(0) - performance.timeOrigin / 1000;
    }"""
    return float(with_module(page, "live-clock.js", code, pings))


def test_the_ping_with_the_shortest_way_tells_the_time(page: Page) -> None:
    # The house is 5 s ahead; long ways there or back pull the others off by up to half their length.
    pings = [(100.0, 100.4, 105.39), (102.0, 102.01, 107.006), (104.0, 104.3, 109.01)]
    assert offset(page, pings) == pytest.approx(5.001, abs=1e-5)


def test_an_old_ping_counts_no_longer(page: Page) -> None:
    pings = [(100.0, 100.01, 105.005), (161.0, 161.06, 166.032)]
    assert offset(page, pings) == pytest.approx(5.002, abs=1e-5)


def test_a_clock_that_was_set_is_believed_at_once(page: Page) -> None:
    pings = [(100.0, 100.01, 105.005), (102.0, 102.3, 137.15)]
    assert offset(page, pings) == pytest.approx(35.0, abs=1e-5)


def test_delays_are_those_of_the_time_asked_for_and_never_more_than_fit(page: Page) -> None:
    code = """({Delays}) => {
        const delays = new Delays();
        const empty = delays.since(0);
        for (let n = 0; n < 5000; n++) delays.add(n, n % 10 / 100);
        return [empty, delays.since(4989), delays.since(0).max, delays.since(6000)];
    }"""
    assert with_module(page, "live-clock.js", code) == [None, {"median": 0.05, "max": 0.09}, 0.09, None]


def fragments(data: bytes) -> tuple[bytes, list[bytes]]:
    """The initialisation segment, and each moof with its mdat."""
    pieces, start, at = [], 0, 0
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += size
        if name in (b"moov", b"mdat"):
            pieces.append(data[start:at])
            start = at
    return pieces[0], pieces[1:]


def test_the_times_of_a_film_are_read_from_its_pieces(page: Page, tmp_path: Path) -> None:
    """With pictures in another order than they are shown, as FFmpeg writes them."""
    source = clips.movie(tmp_path / "film.mp4", 30)
    made = io.BytesIO()
    options = {"movflags": "empty_moov+default_base_moof+frag_every_frame+skip_trailer"}
    with av.open(str(source)) as read, av.open(made, "w", format="mp4", options=options) as write:
        into = write.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = into
                write.mux(packet)
    init, pieces = fragments(made.getvalue())
    again: Any = av.open(io.BytesIO(made.getvalue()))
    stream = again.streams.video[0]
    wanted = [float(one.pts * stream.time_base) for one in again.demux(stream) if one.pts is not None]
    again.close()
    code = """({pictureTrack, shownAt}, [init, pieces]) => {
        const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
        const track = pictureTrack(bytes(init));
        return pieces.map(one => [shownAt(bytes(one), track), shownAt(bytes(one), {...track, id: track.id + 1})]);
    }"""
    told = [base64.b64encode(one).decode() for one in [init, *pieces]]
    found = with_module(page, "live-boxes.js", code, [told[0], told[1:]])
    assert sorted(wanted) != wanted, "the pictures do come in another order"
    assert [one for one, _ in found] == pytest.approx(wanted[: len(found)], abs=1e-6) and len(found) >= 29
    assert all(other is None for _, other in found), "a piece of another track is none of the picture's"


def test_what_is_no_film_is_read_as_none(page: Page) -> None:
    code = """({pictureTrack, shownAt}) => {
        const odd = [[], [0, 0, 0, 1], [0, 0, 0, 0, 109, 111, 111, 118], [255, 255, 255, 255, 109, 111, 111, 102]];
        const track = {id: 1, timescale: 1};
        return odd.map(one => new Uint8Array(one)).flatMap(one => [pictureTrack(one), shownAt(one, track)]);
    }"""
    assert with_module(page, "live-boxes.js", code) == [None] * 8
