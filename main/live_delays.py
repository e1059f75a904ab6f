"""What a viewer's browser measured from capture to screen, over a whole viewing session."""

import statistics

# Reports come every 10 s: the first hour is kept whole, of what is longer an even share.
MOST = 360


class Delays:
    """The medians a browser reported, and the worst delay of all. Seconds. Bounded, however long the session is."""

    __slots__ = ("_medians", "_number", "_stride", "worst")

    def __init__(self) -> None:
        self.worst = 0.0
        self._medians: list[float] = []
        self._number, self._stride = 0, 1

    def add(self, median: float, longest: float) -> None:
        """One report."""
        self.worst = max(self.worst, median, longest)
        if self._number % self._stride == 0:
            self._medians.append(median)
        self._number += 1
        if len(self._medians) > MOST:
            # Every second one, and from now on only half as many.
            self._medians, self._stride = self._medians[::2], self._stride * 2

    def summary(self) -> tuple[float, float]:
        """(median of the medians, worst). After at least one report."""
        return statistics.median(self._medians), self.worst
