"""Who is measured at handing on MJPEG: Fairwatch, the floor beneath it, textbooks, and two programs in C."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks.children import Children, FailedError, free_port, listens, wait_for
from benchmarks.fairwatch import SESSION_ENDS, FairwatchHouse, role


@dataclass(frozen=True, slots=True)
class Source:
    """The camera that every server looks at."""

    url: str
    port: int
    fps: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: its process, where its stream is, and what viewers say to be let in.

    `role`: what each of its processes is, by the words of the command line, where there are several kinds. `rest`:
    seconds after which nothing more is done for viewers that have gone.
    """

    pid: int
    stream: str
    headers: list[str] = field(default_factory=list)
    role: Callable[[list[str]], str] | None = None
    log: Path | None = None
    rest: float = 0.0


@dataclass(frozen=True, slots=True)
class Server:
    """One kind. `begin` starts it in an empty folder; `missing` says what is not here, or nothing."""

    name: str
    words: str
    begin: Callable[[Children, set[int], Source, Path], Running]
    missing: Callable[[], str] = lambda: ""
    encodes: bool = False
    settle: float = 1.5


@contextmanager
def running(server: Server, cpus: set[int], source: Source, folder: Path) -> Iterator[Running]:
    """The server, until the block is left; its folder goes with it. Raises FailedError."""
    with scratch(folder) as children:
        yield server.begin(children, cpus, source, folder)


@contextmanager
def scratch(folder: Path) -> Iterator[Children]:
    """An empty folder and processes that live in it; both are gone when the block is left."""
    folder.mkdir(parents=True)
    children = Children()
    try:
        yield children
    finally:
        children.end()
        shutil.rmtree(folder, ignore_errors=True)


def _listening(children: Children, cpus: set[int], command: list[str], port: int, folder: Path) -> int:
    """Start it and wait until it takes connections; its process."""
    log = folder / "log.txt"
    process = children.start(command, cpus, log=log)
    try:
        wait_for(lambda: listens(port) or process.poll() is not None, 30, f"{command[0]} to listen")
    except FailedError as error:
        raise FailedError(f"{error}: {log.read_text()[-400:]}") from None
    if process.poll() is not None:
        raise FailedError(f"{command[0]} ended: {log.read_text()[-400:]}")
    return process.pid


def _fairwatch(children: Children, cpus: set[int], source: Source, folder: Path) -> Running:
    house = FairwatchHouse(folder)
    house.prepare({"Yard": source.url})
    process = house.start(children, cpus)
    return Running(process.pid, house.stream("yard"), house.headers, role, house.log, SESSION_ENDS)


def _ours(module: str, *more: str) -> Callable[[Children, set[int], Source, Path], Running]:
    """One of benchmarks/peers."""

    def begin(children: Children, cpus: set[int], source: Source, folder: Path) -> Running:
        port = free_port()
        command = [sys.executable, "-m", f"benchmarks.peers.{module}", *more, "--camera", source.url]
        pid = _listening(children, cpus, [*command, "--port", str(port)], port, folder)
        return Running(pid, f"http://127.0.0.1:{port}/stream")

    return begin


def _motion(children: Children, cpus: set[int], source: Source, folder: Path) -> Running:
    """Its stream's rate is one picture a second where nothing is said; its detection cannot be switched off."""
    port = free_port()
    told = {
        "daemon": "off", "setup_mode": "off", "log_level": 4, "target_dir": folder, "netcam_url": source.url,
        "width": source.width, "height": source.height, "framerate": round(source.fps), "stream_port": port,
        "stream_localhost": "on", "stream_quality": 80, "stream_maxrate": round(source.fps), "webcontrol_port": 0,
        "picture_output": "off", "movie_output": "off",
    }  # fmt: skip
    settings = folder / "motion.conf"
    settings.write_text("".join(f"{name} {value}\n" for name, value in told.items()))
    pid = _listening(children, cpus, ["motion", "-n", "-c", str(settings)], port, folder)
    return Running(pid, f"http://127.0.0.1:{port}/")


def _mjpg_streamer(children: Children, cpus: set[int], source: Source, folder: Path) -> Running:
    port = free_port()
    taking = f"input_http.so -H 127.0.0.1 -p {source.port}"
    giving = f"output_http.so -l 127.0.0.1 -p {port} -n"
    pid = _listening(children, cpus, ["mjpg_streamer", "-i", taking, "-o", giving], port, folder)
    return Running(pid, f"http://127.0.0.1:{port}/?action=stream")


def _needs_program(name: str, how: str) -> Callable[[], str]:
    return lambda: "" if shutil.which(name) else f"there is no {name} here ({how})"


def _needs_module(name: str) -> Callable[[], str]:
    return lambda: "" if find_spec(name) else f"there is no {name} here (pip install -r requirements-bench.txt)"


SERVERS = (
    Server("fairwatch", "Fairwatch", _fairwatch),
    Server("floor", "floor: bare send()", _ours("floor")),
    Server("django-asgi", "bare Django, ASGI", _ours("bare_django", "asgi")),
    Server(
        "django-gthread", "Django, threads, encoded once", _ours("bare_django", "gthread"),
        _needs_module("gunicorn"), encodes=True,
    ),
    Server(
        "flask", "Flask tutorial, each viewer encodes", _ours("flask_tutorial"), _needs_module("flask"), encodes=True
    ),
    Server("motion", "motion", _motion, _needs_program("motion", "apt install motion"), encodes=True, settle=4.0),
    Server(
        "mjpg-streamer", "mjpg-streamer", _mjpg_streamer,
        _needs_program("mjpg_streamer", "built from its own sources"), settle=2.0,
    ),
)  # fmt: skip


def version_of_motion() -> str:
    """What Debian's motion says of itself, empty without it."""
    if not shutil.which("motion"):
        return ""
    said = subprocess.run(["motion", "-h"], capture_output=True, text=True, check=False).stdout
    return next((line.split(",")[0].removeprefix("motion Version ") for line in said.splitlines() if line), "")
