"""When the pictures and the sound of a live film play: as in recordings, but without a leap that browsers stop at.

A browser that gets a picture more than twice its predecessor's duration after it drops everything until the next key
frame (Media Source Extensions, coded frame processing, step 1.6). So a step is never longer than that: a film falls
behind the clock by what the camera was silent, which nobody sees, because each piece carries its capture time.
"""

from dataclasses import dataclass

from camera.packets import Packet, StreamInfo
from camera.video.timeline import TICKS, Timeline

# A picture that follows at once, a further field or a burst, must not make the next step a leap. Ticks.
_SHORTEST = TICKS // 60
# So much less than twice what the picture before lasts: browsers reckon in microseconds, rounded down. Ticks.
_MARGIN = 90
# How far, in seconds, sound may be from the picture of its time before a piece is left out or a pause is made.
_TOLERANCE = 0.06
# What one piece's arrival counts against all those before: a second's worth of pieces together.
_WEIGHT = 0.02


@dataclass(frozen=True, slots=True)
class Times:
    """In ticks of the track: when it is decoded, how long after that it is shown, how long it lasts."""

    dts: int
    ahead: int
    lasts: int


class FilmTimes:
    """Of one film's pictures, from 0 on."""

    def __init__(self, info: StreamInfo) -> None:
        self._timeline = Timeline(info)
        self._told = 0
        self._dts = 0
        self._lasts = 0
        self._captured_at: float | None = None

    def place(self, packet: Packet) -> Times:
        """The times of the next picture, in ticks of 1/90000 s."""
        pts, dts = self._timeline.place(packet)
        if self._captured_at is None:
            self._lasts = self._timeline.step
        else:
            step = min(dts - self._told, 2 * self._lasts - _MARGIN)
            self._dts += step
            self._lasts = max(step, _SHORTEST)
        self._told, self._captured_at = dts, packet.captured_at
        return Times(self._dts, pts - dts, self._lasts)

    def at(self, captured_at: float) -> float | None:
        """Seconds of film for what was captured then; None before the first picture."""
        if self._captured_at is None:
            return None
        return self._dts / TICKS + captured_at - self._captured_at


class SoundTimes:
    """Of one film's sound: piece after piece without a gap, led back to the pictures by whole pieces."""

    def __init__(self, rate: int, samples: int) -> None:
        """`rate`: ticks a second; `samples`: ticks in a piece."""
        self.rate, self._samples = rate, samples
        self._at: int | None = None
        # By how much pieces come later than where they are put: seconds, over many of them.
        self._late = 0.0

    def place(self, wanted: float) -> Times | None:
        """The times of the next piece, which belongs at `wanted` seconds of film; None when it is to be left out."""
        if self._at is None:
            self._at = max(0, round(wanted * self.rate))
        self._late += _WEIGHT * (wanted - self._at / self.rate - self._late)
        piece = self._samples / self.rate
        most = max(_TOLERANCE, 1.5 * piece)
        if self._late < -most:
            self._late += piece
            return None
        if self._late > most:
            self._late -= piece
            # Not a whole piece, for the reason of _MARGIN.
            self._at += self._samples - self._samples // 16
        at = self._at
        self._at += self._samples
        return Times(at, 0, self._samples)
