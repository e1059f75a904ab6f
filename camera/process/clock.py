"""Time as a parameter: tests bring their own."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """`monotonic` for durations, `time` for what people read, `wait` gives True when `event` ends the wait."""

    def monotonic(self) -> float: ...

    def time(self) -> float: ...

    def wait(self, event: threading.Event, seconds: float) -> bool: ...


class RealClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)
