"""What handing on live pictures costs, Fairwatch beside others: one run, one table, one plot. `make bench` starts it.

    .venv/bin/python -m benchmarks.live --out /tmp/bench --parts mjpeg,film --rounds 1 --viewers 1,10 --seconds 3

Every server gets one core to itself, the camera and the viewers the others. In each round all servers take their turn,
in another order than in the round before; figures are the medians, ratios are of one round. Every process is ended by
its number when the run is over, also with Ctrl-C. Parts: mjpeg, film (/ws/live/), idle, spread, deaf. The report goes
to docs/ where nothing else is said.
"""

import argparse
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench import FPS, HEIGHT, WIDTH, Bench, Plan
from benchmarks.children import BASE, FailedError
from benchmarks.machine import machine, versions
from benchmarks.parts import PARTS
from benchmarks.report import write
from benchmarks.servers import SERVERS

_NAMES = [server.name for server in SERVERS]


def words(allowed: list[str]) -> Callable[[str], list[str]]:
    """A reader of names with commas between them."""

    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        if unknown := set(names) - set(allowed):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: there are {', '.join(allowed)}")
        return names

    return read


def numbers(text: str) -> list[int]:
    """Numbers of viewers, smallest first."""
    found = sorted({int(word) for word in text.split(",")})
    if found[0] < 1:
        raise argparse.ArgumentTypeError("at least one viewer")
    return found


def plan_and_folder() -> tuple[Plan, Path]:
    """What was asked for on the command line: (what to measure, where the report goes)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=words(list(PARTS)), default=list(PARTS), metavar=",".join(PARTS))
    parser.add_argument("--servers", type=words(_NAMES), default=_NAMES, metavar=",".join(_NAMES))
    parser.add_argument("--viewers", type=numbers, default=[1, 10, 50, 100, 200, 500], metavar="1,10,…")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each window")
    parser.add_argument("--idle-seconds", type=float, default=30.0, help="of the windows of an idle house")
    parser.add_argument(
        "--out", type=Path, default=BASE / "docs", help="folder of performance.md and what belongs to it"
    )
    told = parser.parse_args()
    plan = Plan(told.parts, told.servers, told.viewers, told.rounds, told.seconds, told.idle_seconds)
    return plan, told.out


def part(bench: Bench, name: str) -> dict[str, Any]:
    """What one part found; the others go on where it fails."""
    try:
        return PARTS[name](bench)
    except FailedError as error:
        bench.say(f"{name} failed: {error}")
        return {"failed": str(error)}


def command() -> str:
    """What was typed, as far as it matters to one who wants the same."""
    return shlex.join(["python", "-m", "benchmarks.live", *sys.argv[1:]])


def main() -> None:
    plan, out = plan_and_folder()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    folder = Path(tempfile.mkdtemp(prefix="fairwatch-bench-"))
    bench = Bench(plan, folder)
    try:
        found = {name: part(bench, name) for name in PARTS if name in plan.parts}
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing was written.")
    finally:
        bench.children.end()
        shutil.rmtree(folder, ignore_errors=True)
    run = {
        "command": command(),
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "minutes": round(bench.minutes(), 1),
        "picture": {"width": WIDTH, "height": HEIGHT, "fps": FPS, "bytes": bench.picture_bytes},
        "cores": {"server": sorted(bench.server_cpus), "others": sorted(bench.load_cpus)},
        "machine": machine(),
        "versions": versions(),
    }
    for path in write({"run": run, **found}, out):
        bench.say(f"written: {path}")


if __name__ == "__main__":
    main()
