"""When each picture of a file is shown: from 0 on, rising, true to the time that passed, whatever clocks do."""

from camera.packets import Packet, StreamInfo

TICKS = 90000
# Codecs whose pictures each stand alone: the time of capture says best when they were taken.
BY_CAPTURE = frozenset({"mjpeg", "rawvideo", "mpeg4"})
# A camera's clock that goes on by more than this is asked whether so much time has passed. Seconds.
LARGEST_STEP = 2.0
# A slow camera may be silent for so long; more than that is a clock that was set. Seconds.
LONGEST_SILENCE = 120.0
_UNKNOWN_STEP = 1 / 25
# How far before its picture's time a packet may be decoded. Seconds.
_LARGEST_DELAY = 5.0


class Timeline:
    """Of one file. `place` gives each packet its times, in ticks of 1/90000 s."""

    def __init__(self, info: StreamInfo) -> None:
        self._tick = info.time_base
        self._by_capture = info.codec in BY_CAPTURE
        self._last: Packet | None = None
        # The newest capture time there was, and the ticks that have passed since.
        self._newest, self._since_newest = float("-inf"), 0
        self._last_stamp: int | None = None
        self._dts = 0
        self.step = round(_UNKNOWN_STEP * TICKS)

    @property
    def end(self) -> float:
        """Seconds from the beginning to the end of the last picture."""
        return (self._dts + self.step) / TICKS if self._last is not None else 0.0

    def place(self, packet: Packet) -> tuple[int, int]:
        """(pts, dts): dts 0 for the first and rising from there, pts never before dts."""
        if self._last is not None:
            passed = self._passed(packet, self._last)
            self._dts += passed
            self._since_newest += passed
        self._last = packet
        if packet.captured_at > self._newest:
            self._newest, self._since_newest = packet.captured_at, 0
        if not self._by_capture:
            self._last_stamp = _stamp(packet)
        return self._dts + self._ahead(packet), self._dts

    def _passed(self, packet: Packet, last: Packet) -> int:
        """Ticks since the packet before."""
        waited = packet.captured_at - last.captured_at
        stamp = _stamp(packet)
        told = None
        if not self._by_capture and stamp is not None and self._last_stamp is not None:
            told = (stamp - self._last_stamp) * self._tick
            if told == 0:
                return 1  # a further part of the same picture
            if 0 < told <= LARGEST_STEP:
                self.step = max(1, round(told * TICKS))
                return self.step
        if self._by_capture and last.captured_at < self._newest < packet.captured_at:
            # Pictures that were sent again came in between: they have taken their steps already.
            waited = packet.captured_at - self._newest
            if waited <= LONGEST_SILENCE:
                return max(1, round(waited * TICKS) - self._since_newest)
        if not 0 < waited <= LONGEST_SILENCE or (told is not None and waited < LARGEST_STEP):
            # Its clock was set, or ours: nobody knows better than that it goes on as before.
            return self.step
        passed = max(1, round(waited * TICKS))
        if waited <= LARGEST_STEP and self._by_capture:
            self.step = passed
        return passed

    def _ahead(self, packet: Packet) -> int:
        if self._by_capture or packet.pts is None or packet.dts is None:
            return 0
        return round(min(max((packet.pts - packet.dts) * self._tick, 0.0), _LARGEST_DELAY) * TICKS)


def _stamp(packet: Packet) -> int | None:
    return packet.dts if packet.dts is not None else packet.pts
