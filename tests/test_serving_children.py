"""What serve thinks of a child that does not answer."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from main.serving import children
from main.serving.children import Child


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(children, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    killed: list[str] = []

    class Process:
        pid = 1

        def kill(self) -> None:
            killed.append("killed")

    made = SimpleNamespace(Popen=lambda *words, **named: Process(), DEVNULL=subprocess.DEVNULL)
    monkeypatch.setattr(children, "subprocess", made)
    return killed


def test_one_that_stops_answering_is_killed_soon(clock: list[float], killed: list[str]) -> None:
    child = Child("web", [sys.executable], lambda: True)
    child.start()
    clock[0] += 5
    child.answered = clock[0]
    clock[0] += 19
    child.kill_if_hung()
    assert not killed
    clock[0] += 2
    child.kill_if_hung()
    assert killed


def test_one_that_is_still_starting_on_a_busy_board_is_let_be(clock: list[float], killed: list[str]) -> None:
    child = Child("web", [sys.executable], lambda: False)
    for _ in range(2):  # also the second time
        child.start()
        clock[0] += 100
        child.kill_if_hung()
        assert not killed
    clock[0] += 21
    child.kill_if_hung()
    assert killed
