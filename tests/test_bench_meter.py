"""What the benchmarks measure with: CPU and memory of process trees, and processes that are ended for certain."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import meter
from benchmarks.children import Children, FailedError, free_port, listens, wait_for
from benchmarks.meter import Process, Reading
from tests.house import wait_for as until

BURN = "import time\nwhile time.process_time() < {seconds}: pass\nprint(flush=True)\ntime.sleep(60)"
# A process that has another one, which tells its number.
NESTED = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {inner!r}])"


def test_the_clock_counts_what_a_process_burns() -> None:
    burning = subprocess.Popen([sys.executable, "-c", BURN.format(seconds=0.3)], stdout=subprocess.PIPE)
    try:
        assert burning.stdout and burning.stdout.readline() == b"\n"
        assert 0.3 <= meter.cpu_clock(burning.pid) < 0.6
    finally:
        burning.kill()
        burning.communicate()


def test_nobody_has_no_clock() -> None:
    with pytest.raises(OSError):
        meter.cpu_clock(2**22 + 1)


def test_a_tree_has_everyone_below_and_nobody_else() -> None:
    reading = Reading(0.0, {2: Process(1, 1, 0), 3: Process(2, 2, 0.5), 4: Process(3, 4, 0), 5: Process(1, 8, 0)}, 0.0)
    assert reading.tree([2]) == {2, 3, 4}
    assert reading.tree([2, 3, 99]) == {2, 3, 4}
    assert reading.spent({3, 4}) == 6.5


def test_a_window_tells_the_tree_from_strangers(tmp_path: Path) -> None:
    inner = BURN.format(seconds=0.3)
    window = None
    children = Children()
    try:
        waiting = children.start([sys.executable, "-c", f"import time; time.sleep(0.3)\n{NESTED.format(inner=inner)}"])
        window = meter.Window([waiting.pid], [waiting.pid])
        until(lambda: (now := meter.read()).spent(now.tree([waiting.pid])) > 0.3, 20, "it to burn")
        window.close()
        assert 0.25 < window.cores() * window.seconds < 1.0
        # This test itself is a stranger to that tree.
        assert window.others() > 0
        assert window.roles(lambda words: "inner" if BURN.format(seconds=0.3) in words else "outer").keys() == {
            "inner",
            "outer",
        }
    finally:
        children.end()


def test_memory_is_shared_out() -> None:
    held = meter.memory([os.getpid()])
    assert 20 < held.pss <= held.rss < 4000
    assert meter.memory([2**22 + 1]).rss == 0


def test_children_end_with_what_they_started(tmp_path: Path) -> None:
    stubborn = "import signal, time, os\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(os.getpid(), flush=True)"
    outer = (
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {stubborn + '; time.sleep(60)'!r}]).wait()"
    )
    children = Children()
    process = children.start([sys.executable, "-c", outer], reads=True)
    assert process.stdout
    inner = int(process.stdout.readline())
    children.end()
    assert process.poll() == -signal.SIGTERM
    assert inner not in meter.read().processes or meter.read().processes[inner].dead
    children.end()


def test_children_are_told_their_cores_and_end_with_their_parent(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    told = "import os, time; print(sorted(os.sched_getaffinity(0)), flush=True); time.sleep(60)"
    parent = (
        "import sys, time\nfrom benchmarks.children import Children\n"
        f"child = Children().start([sys.executable, '-c', {told!r}], {{{core}}}, reads=True)\n"
        "print(child.pid, child.stdout.readline().decode().strip(), flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    try:
        assert process.stdout
        pid, _, cores = process.stdout.readline().decode().strip().partition(" ")
        assert cores == f"[{core}]"
        process.kill()
        process.wait()
        until(lambda: (one := meter.read().processes.get(int(pid))) is None or one.dead, 5, "the child to end")
    finally:
        process.kill()
        process.communicate()


def test_waiting_has_an_end() -> None:
    began = time.monotonic()
    with pytest.raises(FailedError, match=r"waited 0.1 s for a miracle"):
        wait_for(lambda: False, 0.1, "a miracle")
    assert time.monotonic() - began < 5
    assert not listens(free_port())
