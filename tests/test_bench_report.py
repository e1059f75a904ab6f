"""The report of a run of the benchmarks: medians, ratios of one round, words; and a short real run."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures, meter, report
from benchmarks.bench import FPS, Bench, Plan
from benchmarks.children import FailedError
from benchmarks.live import numbers, part, words
from benchmarks.parts import turned
from tests.house import BASE, wait_for

RUN = {
    "command": "python -m benchmarks.live --rounds 2", "rounds": 2, "seconds": 5.0, "minutes": 1.5,
    "picture": {"width": 1280, "height": 720, "fps": 15, "bytes": 56_000}, "cores": {"server": [0], "others": [1, 2]},
    "machine": {"processor": "Z80", "cores": 3, "memory_gb": 0.1, "system": "CP/M", "date": "2026-11-21 10:00 UTC"},
    "versions": {"Fairwatch": "0.1.0", "motion": "4.5.1"},
}  # fmt: skip


def row(viewers: int, us: float, others: float = 0.02, **more: Any) -> dict[str, Any]:
    a_second = viewers * 15.0
    return {
        "viewers": viewers, "us": us, "cores": us * a_second / 1e6, "a_second": a_second, "fps": 15.0, "troubles": {},
        "load": 0.1,
        "rss_mb": 100 + viewers / 5, "pss_mb": 90.0, "others": others, "age_ms": {"median": us / 10, "p95": us / 5},
        **more,
    }  # fmt: skip


def found(others: float = 0.02) -> dict[str, Any]:
    # In the second round the machine was twice as slow.
    told = [
        {"fairwatch": (400.0, 30.0), "motion": (1000.0, 120.0)},
        {"motion": (2000.0, 200.0), "fairwatch": (800.0, 60.0)},
    ]
    rounds = [
        {name: [row(1, one, others), row(200, many, others)] for name, (one, many) in each.items()} for each in told
    ]
    roles = {"web": 0.004, "engine": 0.02, "serve": 0.001, "cameras": 0.06}
    idle = [{"kind": "mjpeg", "viewers": 0, "roles": roles, "cores": 0.085, "pss_mb": 300.0, "others": 0.0}]
    both = {name: row(200, us, roles={"web": web}) for name, us, web in (("one", 40.0, 0.09), ("eight", 50.0, 0.12))}
    dull = {name: row(150, 40.0, deaf_dropped=number) for name, number in (("reading", 0), ("deaf", 50))}
    return {
        "run": RUN,
        "mjpeg": {"skipped": {"mjpg-streamer": "there is no mjpg_streamer here"}, "rounds": rounds},
        "film": {"rounds": [{"mp4": [row(1, 300.0), row(200, 25.0)], "jpeg": []}]},
        "idle": {"rows": idle, "cameras": 8, "seconds": 30.0},
        "spread": {"rounds": [both], "cameras": 8, "viewers": 200},
        "deaf": {"rounds": [dull], "reading": 150, "deaf": 50, "seconds": 15.0},
    }


def test_ratios_are_made_within_one_round() -> None:
    rounds = found()["mjpeg"]["rounds"]
    assert figures.ratios(rounds, "fairwatch", "motion", 200) == pytest.approx([0.25, 0.3])
    assert figures.median(rounds, "fairwatch", 200, "us") == 45.0
    assert figures.median(rounds, "fairwatch", 200, "age_ms.median") == 4.5
    assert figures.median(rounds, "flask", 200, "us") is None
    assert figures.ratios(rounds, "fairwatch", "flask", 200) == []


def test_one_viewer_more() -> None:
    rounds = found()["mjpeg"]["rounds"][:1]
    # (30 × 3000 − 400 × 15) µs for 2985 pictures a second more.
    assert figures.further(rounds, "fairwatch", 1, 200) == pytest.approx(84_000 / 2985)
    assert figures.each_viewer(rounds, "fairwatch", 1, 200) == pytest.approx(0.2)
    assert figures.further(rounds, "fairwatch", 1, 500) is None


def test_the_page_has_what_the_run_found_and_nothing_else(tmp_path: Path) -> None:
    written = report.write(found(), tmp_path / "docs")
    page = (tmp_path / "docs" / "performance.md").read_text()
    assert json.loads((tmp_path / "docs" / "performance.json").read_text()) == found()
    for told in (
        "| Fairwatch | 600 | 45.0 |",
        "| motion | 1,500 | 160 |",
        "| motion | 0.40 (0.40–0.40) | 0.28 (0.25–0.30) |",
        "Left out: mjpg-streamer, because there is no mjpg_streamer here.",
        "| MJPEG | nobody | 0.40 % | 2.00 % | 0.10 % | 6.00 % | 8.5 % | 300 |",
        "| all 200 at one camera | 30.0 | 40.0 | 4.00 |",
        "by all at one: web 1.33, house 1.25.",
        "| 150, and 50 that never read | 40.0 | 15.0 | 4.00 | 90.0 | 50 |",
        "`python -m benchmarks.live --rounds 2`",
        "Z80, 3 cores",
        "took 0.02 cores in the median window",
    ):
        assert told in page, told
    assert "disturbed" not in page
    assert "None" not in page and "{" not in page
    assert ("images/performance.png" in page) == (len(written) == 3) == bool(find_spec("matplotlib"))


def test_windows_in_which_viewers_were_thrown_out_have_no_figure() -> None:
    told = found()
    told["mjpeg"]["rounds"][0]["fairwatch"][1]["troubles"] = {"closed by the server": 21}
    told["mjpeg"]["rounds"][0]["motion"][1]["troubles"] = {"closed by the server": 20}
    page = report.text(told, "")
    assert "- Fairwatch, 200 viewers: 21 × closed by the server" in page
    assert "motion, 200 viewers:" not in page
    assert "| motion | 0.40 (0.40–0.40) | 0.30 |" in page


def test_a_disturbed_run_says_so() -> None:
    assert "**These figures are disturbed**" in report.text(found(others=0.4), "")


def test_a_part_that_failed_says_so(tmp_path: Path) -> None:
    told = {"run": RUN, "film": {"failed": "waited 60 s for every camera"}, "mjpeg": {"skipped": {}, "rounds": [{}]}}
    assert "This part failed: waited 60 s for every camera" in report.text(told, "")
    assert len(report.write(told, tmp_path)) == 2


def test_the_plot_is_drawn_where_it_can_be(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report.write(found(), tmp_path)
    assert (tmp_path / "images" / "performance.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_asked_for_is_read() -> None:
    assert numbers("50,1,10,10") == [1, 10, 50]
    assert words(["a", "b"])("b,a") == ["b", "a"]
    with pytest.raises(Exception, match="there are a, b"):
        words(["a", "b"])("c")
    assert [turned(["a", "b", "c"], by) for by in (0, 1, 5)] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


def bench(tmp_path: Path) -> Bench:
    return Bench(Plan(["mjpeg"], ["floor"], [1, 10, 100, 200], 1, 1.0, 1.0), tmp_path)


def test_who_does_not_follow_is_not_asked_for_more(tmp_path: Path) -> None:
    measured = bench(tmp_path).climb(lambda n: row(n, 10.0) | {"fps": FPS / 3}, "slow")
    assert [one["viewers"] for one in measured] == [1, 10, 100]
    measured = bench(tmp_path).climb(lambda n: row(n, 10.0) | {"troubles": {"refused": n // 5}}, "closed")
    assert [one["viewers"] for one in measured] == [1, 10]


def test_one_part_that_fails_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Bench) -> dict[str, Any]:
        raise FailedError("no camera")

    monkeypatch.setitem(part.__globals__["PARTS"], "mjpeg", fails)
    assert part(bench(tmp_path), "mjpeg") == {"failed": "no camera"}


def live(out: Path, *more: str) -> list[str]:
    asked = ["--parts", "mjpeg", "--servers", "floor", "--rounds", "1", "--seconds", "1"]
    return [sys.executable, "-m", "benchmarks.live", *asked, "--out", str(out), *more]


def leftovers(folder: Path) -> list[str]:
    """Folders of runs, and processes that were started from one (their words tell it)."""
    said = [meter_words(pid) for pid in meter.read().processes]
    return [str(one) for one in folder.iterdir()] + [one for one in said if str(folder) in one]


def meter_words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


@pytest.mark.slow
def test_a_short_run_measures_the_floor(tmp_path: Path) -> None:
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    run = subprocess.run(
        live(out, "--viewers", "1,10"), cwd=BASE, env=os.environ | {"TMPDIR": str(scratch)},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    rows = json.loads((out / "performance.json").read_text())["mjpeg"]["rounds"][0]["floor"]
    assert [one["viewers"] for one in rows] == [1, 10]
    for one in rows:
        assert one["troubles"] == {} and one["pictures"] > 5 * one["viewers"]
        assert 1 < one["us"] < 20_000 and 0 < one["age_ms"]["median"] < 1000
        assert 50_000 < one["bytes"] < 65_000
    assert rows[1]["us"] < rows[0]["us"]
    assert re.search(r"\| floor: bare send\(\) \| [\d,.]+ \| [\d.]+ \|", (out / "performance.md").read_text())
    assert leftovers(scratch) == []


@pytest.mark.slow
def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        live(tmp_path / "out", "--seconds", "60", "--viewers", "1"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        cwd=BASE, env=os.environ | {"TMPDIR": str(scratch)},
        # A shell that runs these tests in the background has it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (one thread)
    )  # fmt: skip
    try:
        below: set[int] = set()

        def measuring() -> bool:
            below.update(meter.read().tree([process.pid]) - {process.pid})
            return any("benchmarks.viewers" in meter_words(pid) for pid in below)

        wait_for(measuring, 40, "the viewers")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert b"nothing was written" in process.communicate(timeout=30)[1]
        assert [pid for pid in below if "benchmarks" in meter_words(pid)] == []
        assert leftovers(scratch) == [] and not (tmp_path / "out").exists()
    finally:
        process.kill()
        process.communicate()
