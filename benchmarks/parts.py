"""The parts of a run: MJPEG among others, the live socket, an idle house, eight cameras against one, and deaf ones."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks import meter
from benchmarks.bench import Bench, Row, line, roles
from benchmarks.children import FailedError
from benchmarks.fairwatch import SESSION_ENDS, FairwatchHouse, role
from benchmarks.servers import SERVERS, Running, Server, Source, running, scratch

CAMERAS = 8
_VIEWERS_OF_EACH = 25
_READING, _DEAF = 150, 50
_MJPEG, _SOCKET = "benchmarks.viewers", "benchmarks.film_viewers"


def turned(names: Sequence[str], by: int) -> list[str]:
    """The same in another order, so that each of them has the machine's good and bad moments."""
    start = by % len(names) if names else 0
    return [*names[start:], *names[:start]]


# MJPEG


def mjpeg(bench: Bench) -> dict[str, Any]:
    """Every server that is here, with more and more viewers."""
    here: dict[str, Server] = {}
    skipped = {}
    for server in SERVERS:
        if server.name in bench.plan.servers:
            if missing := server.missing():
                skipped[server.name] = missing
                bench.say(f"{server.name} is left out: {missing}")
            else:
                here[server.name] = server
    source = bench.camera()
    rounds: list[dict[str, list[Row]]] = []
    for number in range(bench.plan.rounds):
        rounds.append({})
        for name in turned(list(here), number):
            bench.say(f"MJPEG, round {number + 1} of {bench.plan.rounds}: {name}")
            rounds[-1][name] = _one_server(bench, here[name], source)
    return {"skipped": skipped, "rounds": rounds}


def _one_server(bench: Bench, server: Server, source: Source) -> list[Row]:
    try:
        with running(server, bench.server_cpus, source, bench.folder / server.name) as served:
            time.sleep(server.settle)
            state = f"http://127.0.0.1:{source.port}/state"
            crowd = [_MJPEG, "--url", served.stream, *(["--camera", state] if server.encodes else [])]
            return bench.climb(lambda viewers: bench.measure(served, viewers, crowd), server.name)
    except FailedError as error:
        bench.say(f"{server.name} failed: {error}")
        return []


# The live socket


def film(bench: Bench) -> dict[str, Any]:
    """/ws/live/ with more and more viewers: an H.264 camera as MP4, an MJPEG camera as JPEG."""
    source = bench.camera()
    cameras = {"mp4": f"file:{bench.film().name}", "jpeg": source.url}
    rounds: list[dict[str, list[Row]]] = []
    for number in range(bench.plan.rounds):
        rounds.append({})
        for form in turned(list(cameras), number):
            bench.say(f"/ws/live/, round {number + 1} of {bench.plan.rounds}: {form}")
            rounds[-1][form] = _one_form(bench, form, cameras[form])
    return {"rounds": rounds}


def _one_form(bench: Bench, form: str, camera: str) -> list[Row]:
    try:
        with _house(bench, {"Yard": camera}) as (house, served):
            return bench.climb(_of_socket(bench, house, served, form), form)
    except FailedError as error:
        bench.say(f"{form} failed: {error}")
        return []


def _of_socket(bench: Bench, house: FairwatchHouse, served: Running, form: str) -> Callable[[int], Row]:
    crowd = [_SOCKET, "--url", house.socket, "--camera", house.slugs[0], "--as", form]

    def measure(viewers: int) -> Row:
        row = bench.measure(served, viewers, crowd)
        if row["errors"] or set(row["came_as"]) - {form}:
            raise FailedError(f"asked for {form}, got {row['came_as']} {row['errors']}")
        return row

    return measure


@contextmanager
def _house(bench: Bench, cameras: Mapping[str, str]) -> Iterator[tuple[FairwatchHouse, Running]]:
    """A house of Fairwatch's with these cameras, for as long as the block lasts."""
    with scratch(bench.folder / "house") as children:
        house = FairwatchHouse(bench.folder / "house")
        house.files.mkdir()
        if any(source.startswith("file:") for source in cameras.values()):
            os.link(bench.film(), house.files / bench.film().name)
        house.prepare(cameras)
        served = house.start(children, bench.server_cpus)
        time.sleep(1.5)
        yield house, Running(served.pid, house.stream(house.slugs[0]), house.headers, role, house.log, SESSION_ENDS)


# Nobody watches


def idle(bench: Bench) -> dict[str, Any]:
    """Eight cameras of each kind that nobody watches, then with one viewer of one of them."""
    source = bench.camera()
    kinds = {
        "mjpeg": {f"Yard {number}": f"{source.url}&camera={number}" for number in range(CAMERAS)},
        "h264": {f"Yard {number}": f"file:{bench.film().name}" for number in range(CAMERAS)},
    }
    rows: list[Row] = []
    for kind, cameras in kinds.items():
        bench.say(f"idle: {CAMERAS} cameras, {kind}")
        with _house(bench, cameras) as (house, served):
            # What is done once after the start is not what an idle house costs.
            time.sleep(min(10.0, bench.plan.idle_seconds))
            rows.append({"kind": kind, "viewers": 0, **_resting(bench, served)})
            bench.say(f"nobody watches: {rows[-1]['roles']}")
            rows.append({"kind": kind, **_with_one(bench, house, served)})
            bench.say(f"one viewer: {rows[-1]['roles']}")
    return {"rows": rows, "cameras": CAMERAS, "seconds": bench.plan.idle_seconds}


def _resting(bench: Bench, served: Running) -> Row:
    window = meter.Window([served.pid], [os.getpid()])
    time.sleep(bench.plan.idle_seconds)
    window.close()
    held = meter.memory(meter.read().tree([served.pid]))
    told = {"cores": round(window.cores(), 5), "others": round(window.others(), 3), "pss_mb": round(held.pss, 1)}
    return told | {"roles": roles(window, role), "counts": {name: len(ids) for name, ids in window.roles(role).items()}}


def _with_one(bench: Bench, house: FairwatchHouse, served: Running) -> Row:
    crowd = [_MJPEG, "--url", house.stream(house.slugs[0])]
    return bench.measure(served, 1, crowd, bench.plan.idle_seconds)


# One camera or eight


def spread(bench: Bench) -> dict[str, Any]:
    """The same number of viewers at one camera of a house with eight, and spread over all of them."""
    source = bench.camera()
    cameras = {f"Yard {number}": f"{source.url}&camera={number}" for number in range(CAMERAS)}
    viewers = CAMERAS * _VIEWERS_OF_EACH
    rounds: list[dict[str, Row]] = []
    with _house(bench, cameras) as (house, served):
        crowds = {"one": house.slugs[:1], "eight": house.slugs}
        for number in range(bench.plan.rounds):
            rounds.append({})
            for name in turned(list(crowds), number):
                urls = [word for slug in crowds[name] for word in ("--url", house.stream(slug))]
                rounds[-1][name] = bench.measure(served, viewers, [_MJPEG, *urls])
                bench.say(f"spread, {name}: {line(rounds[-1][name])}")
    return {"rounds": rounds, "cameras": CAMERAS, "viewers": viewers}


# Some who never read


def deaf(bench: Bench) -> dict[str, Any]:
    """What viewers that never read cost those who do. Long enough that they are dropped."""
    source, seconds = bench.camera(), max(15.0, bench.plan.seconds)
    with _house(bench, {"Yard": source.url}) as (house, served):
        crowd = [_MJPEG, "--url", house.stream(house.slugs[0])]
        more = {"reading": [], "deaf": ["--deaf", str(_DEAF)]}
        found = {}
        for name, options in more.items():
            found[name] = bench.measure(served, _READING, [*crowd, *options], seconds)
            bench.say(f"{name}: {line(found[name])}, {found[name]['deaf_dropped']} dropped")
    return {"rounds": [found], "reading": _READING, "deaf": _DEAF, "seconds": seconds}


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "mjpeg": mjpeg,
    "film": film,
    "idle": idle,
    "spread": spread,
    "deaf": deaf,
}
