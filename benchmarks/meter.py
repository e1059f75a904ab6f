"""CPU and memory of process trees on Linux, by each process's own CPU clock.

    .venv/bin/python -m benchmarks.meter --pid PID --seconds 10

The clock of a process (clock_getcpuclockid(3)) counts nanoseconds of all its threads, also of those that ended;
/proc/PID/stat alone would count in ticks of 10 ms. Children that ended and were waited for are added from their
parent's cutime and cstime (proc(5)). What everybody else on the machine spent in the meantime is told too: a figure
taken while strangers kept the cores busy is worth less.
"""

import argparse
import ctypes
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_TICK = os.sysconf("SC_CLK_TCK")
_MB = 1024  # /proc tells kB


@dataclass(frozen=True, slots=True)
class Process:
    """CPU seconds of one process since it began: its own, and those of its children that have ended."""

    parent: int
    own: float
    ended: float
    # Ticks after the machine's start; tells it from a later process of the same number.
    began: int = 0
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Every process there was at one moment (monotonic seconds). `stolen`: CPU seconds the hypervisor took so far."""

    at: float
    processes: dict[int, Process]
    stolen: float

    def tree(self, roots: Iterable[int]) -> set[int]:
        """`roots` and all below them, as far as they live."""
        below: dict[int, list[int]] = {}
        for pid, process in self.processes.items():
            below.setdefault(process.parent, []).append(pid)
        found: set[int] = set()
        todo = [pid for pid in roots if pid in self.processes]
        while todo:
            pid = todo.pop()
            if pid not in found:
                found.add(pid)
                todo += below.get(pid, [])
        return found

    def spent(self, pids: Iterable[int]) -> float:
        """CPU seconds of these since they began."""
        return sum(self.processes[pid].own + self.processes[pid].ended for pid in pids)


@dataclass(frozen=True, slots=True)
class Memory:
    """MB: resident, and proportional (what several processes share is divided among them)."""

    rss: float
    pss: float


def cpu_clock(pid: int) -> float:
    """CPU seconds of that process until now. Raises OSError when there is none."""
    clock = ctypes.c_int()
    if failed := _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(failed, os.strerror(failed))
    return time.clock_gettime(clock.value)


def read() -> Reading:
    """All processes now."""
    processes = {}
    at = time.monotonic()
    for name in os.listdir("/proc"):  # noqa: PTH208 (several times a second, thousands of entries)
        if name.isdigit():
            try:
                # What stands behind the command's name, which may itself hold brackets: state, parent, …
                words = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
                ended = (int(words[13]) + int(words[14])) / _TICK
                own = cpu_clock(int(name))
                processes[int(name)] = Process(int(words[1]), own, ended, int(words[19]), words[0] == b"Z")
            except (OSError, IndexError):
                continue
    return Reading(at, processes, _stolen())


def _stolen() -> float:
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(words[8]) / _TICK if len(words) > 8 else 0.0


def memory(pids: Iterable[int]) -> Memory:
    """Of all these together, now."""
    found = {"Rss:": 0, "Pss:": 0}
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for words in (line.split() for line in lines[1:]):
            if words[0] in found:
                found[words[0]] += int(words[1])
    return Memory(found["Rss:"] / _MB, found["Pss:"] / _MB)


class Window:
    """What the processes below `roots` spend from here on. `ours`: the roots of all that the benchmark itself runs."""

    def __init__(self, roots: Iterable[int], ours: Iterable[int]) -> None:
        self._roots, self._ours = list(roots), list(ours)
        self._before = self._after = read()

    def close(self) -> None:
        """The window's end."""
        self._after = read()

    @property
    def seconds(self) -> float:
        return self._after.at - self._before.at

    def cores(self, roots: Iterable[int] | None = None) -> float:
        """CPU seconds a second, of all processes below these roots (its own where left out)."""
        roots = self._roots if roots is None else list(roots)
        spent = self._after.spent(self._after.tree(roots)) - self._before.spent(self._before.tree(roots))
        return spent / self.seconds

    def single(self, pids: Iterable[int]) -> float:
        """CPU seconds a second of these processes alone, without what is below them."""
        both = [pid for pid in pids if pid in self._before.processes and pid in self._after.processes]
        return (self._after.spent(both) - self._before.spent(both)) / self.seconds

    def others(self) -> float:
        """CPU seconds a second of everybody else on the machine, and what the hypervisor took."""
        everybody = self._after.spent(self._after.processes) - self._before.spent(self._before.processes)
        stolen = self._after.stolen - self._before.stolen
        return max(0.0, (everybody + stolen) / self.seconds - self.cores(self._ours))

    def roles(self, role: Callable[[list[str]], str]) -> dict[str, list[int]]:
        """The processes at the end by their role, which is told from the words of their command lines."""
        found: dict[str, list[int]] = {}
        for pid in sorted(self._after.tree(self._roots)):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            found.setdefault(role(words), []).append(pid)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pid", type=int, action="append", required=True, help="with all below it; may come again")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    window = Window(options.pid, [os.getpid(), *options.pid])
    time.sleep(options.seconds)
    window.close()
    held = memory(read().tree(options.pid))
    told = {"cores": window.cores(), "others": window.others(), "rss_mb": held.rss, "pss_mb": held.pss}
    print(json.dumps({name: round(value, 4) for name, value in told.items()}))


if __name__ == "__main__":
    main()
