"""What the parts of a run share: the camera, the cores, the scratch folder, and one measurement of a crowd."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import figures, meter
from benchmarks.children import Children, FailedError, cores
from benchmarks.scene import jpegs, write_film, write_jpegs
from benchmarks.servers import Running, Source

WIDTH, HEIGHT, FPS = 1280, 720, 15
_PICTURES, _FILM_SECONDS = 150, 40
# A server that gives so many viewers less than this part of the camera's pictures is not asked for more viewers.
_LEAST_PART, _MANY = 0.5, 50

Row = dict[str, Any]
# What a process is, from the words of its command line.
RoleOf = Callable[[list[str]], str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured. `seconds`: of one window."""

    parts: Sequence[str]
    servers: Sequence[str]
    viewers: Sequence[int]
    rounds: int
    seconds: float
    idle_seconds: float


@dataclass(slots=True)
class Bench:
    """One run. `folder` is its own and goes with it."""

    plan: Plan
    folder: Path
    children: Children = field(default_factory=Children)
    server_cpus: set[int] = field(default_factory=lambda: cores()[0])
    load_cpus: set[int] = field(default_factory=lambda: cores()[1])
    began: float = field(default_factory=time.monotonic)
    picture_bytes: int = 0
    source: Source | None = None

    def say(self, words: str) -> None:
        """Tell how far it is."""
        minutes, seconds = divmod(int(self.minutes() * 60), 60)
        print(f"{minutes:3d}:{seconds:02d}  {words}", flush=True)

    def camera(self) -> Source:
        """The camera that every server looks at; started when it is first asked for. Raises FailedError."""
        if self.source:
            return self.source
        pictures = self.folder / "pictures"
        if not pictures.exists():
            write_jpegs(pictures, jpegs(_PICTURES, WIDTH, HEIGHT))
        command = [sys.executable, "-m", "benchmarks.camera", "--pictures", str(pictures), "--fps", str(FPS)]
        process = self.children.start(command, self.load_cpus, log=self.folder / "camera.txt", reads=True)
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise FailedError("the camera does not start: " + (self.folder / "camera.txt").read_text()[-400:])
        told = json.loads(line)
        self.picture_bytes = told["bytes"]
        self.source = Source(told["url"], told["port"], FPS, WIDTH, HEIGHT)
        return self.source

    def film(self) -> Path:
        """An H.264 film, made once; linked into a house it is a camera."""
        path = self.folder / "film.mp4"
        if not path.exists():
            write_film(path, _FILM_SECONDS, FPS, (WIDTH, HEIGHT))
        return path

    def minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def measure(self, server: Running, viewers: int, crowd: Sequence[str], seconds: float = 0.0) -> Row:
        """One window with so many viewers. `crowd`: the module that plays them and its options. Raises FailedError."""
        seconds = seconds or self.plan.seconds
        time.sleep(server.rest)
        log = self.folder / "viewers.txt"
        headers = [word for header in server.headers for word in ("--header", header)]
        asked = ["-n", str(viewers), "--seconds", str(seconds), *headers]
        process = self.children.start([sys.executable, "-m", *crowd, *asked], self.load_cpus, log=log, reads=True)
        try:
            assert process.stdout
            self._expect(process.stdout.readline(), b"BEGIN\n", log)
            window = meter.Window([server.pid], [os.getpid()])
            time.sleep(seconds / 2)
            held = meter.memory(meter.read().tree([server.pid]))
            self._expect(process.stdout.readline(), b"END\n", log)
            window.close()
            row: Row = json.loads(process.stdout.readline())
        finally:
            self.children.end([process])
        told: Row = {"load": round(window.single([process.pid]), 3)}
        if server.role:
            told["roles"] = roles(window, server.role)
        if row["troubles"] and server.log:
            self.say("its log ends: " + " / ".join(server.log.read_text().splitlines()[-4:]))
        return _row(viewers, row, window, held) | told

    @staticmethod
    def _expect(line: bytes, wanted: bytes, log: Path) -> None:
        if line != wanted:
            raise FailedError("the viewers do not work: " + log.read_text()[-400:])

    def climb(self, measure: Callable[[int], Row], name: str) -> list[Row]:
        """Measure with more and more viewers, until the server does not follow any more."""
        rows: list[Row] = []
        for viewers in self.plan.viewers:
            row = measure(viewers)
            rows.append(row)
            self.say(f"{name}: {line(row)}")
            late = row["viewers"] >= _MANY and row["fps"] < _LEAST_PART * FPS
            if late or figures.broken(row):
                self.say(f"{name}: no more viewers are tried")
                break
        return rows


def _row(viewers: int, seen: Row, window: meter.Window, held: meter.Memory) -> Row:
    spent = window.cores()
    a_second = seen["pictures"] / seen["seconds"]
    return {
        "viewers": viewers,
        "us": round(spent / a_second * 1e6, 2) if a_second else None,
        "cores": round(spent, 4),
        "a_second": round(a_second, 2),
        "rss_mb": round(held.rss, 1),
        "pss_mb": round(held.pss, 1),
        "others": round(window.others(), 3),
    } | {name: value for name, value in seen.items() if name != "seconds"}


def roles(window: meter.Window, role: RoleOf) -> dict[str, float]:
    """Cores by role of the processes."""
    return {name: round(window.single(pids), 5) for name, pids in sorted(window.roles(role).items())}


def line(row: Row) -> str:
    """A row for one who waits."""
    ages = row.get("age_ms") or {}
    age = f", age {ages['median']:.1f} and {ages['p95']:.1f} ms" if ages else ""
    us = f"{row['us']:.0f} µs" if row["us"] else "nothing came"
    troubles = f", {row['troubles']}" if row["troubles"] else ""
    return (
        f"{row['viewers']} viewers, {us} for each picture, {row['fps']:.1f} a second{age}, "
        f"{row['rss_mb']:.0f} MB, viewers {row['load']:.2f} and strangers {row['others']:.2f} cores{troubles}"
    )
