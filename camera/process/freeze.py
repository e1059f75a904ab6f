"""Notices a camera that sends the same picture again and again, without ever taking a quiet night for one."""

from collections import deque

from camera.packets import Packet, StreamInfo

# Seconds and repetitions before a picture counts as frozen.
FROZEN_AFTER = 60.0
LEAST_JPEGS, LEAST_KEYS = 10, 3
# A picture of one colour (a covered lens, a pitch-dark room without noise) repeats by nature. Bytes per pixel.
PLAIN_JPEG, PLAIN_KEY = 0.03, 0.004
# Where nothing moves, at least a quarter of the packets between two key frames say next to nothing; the others are an
# encoder that uses its spare bits to sharpen what stands still.
QUIET_BYTES, QUIET_SHARE = 200, 50
QUIET_PACKETS = 0.25


class FreezeWatch:
    """A sensor has noise: two equal JPEGs or key frames mean a picture that was not taken twice.

    For video, little must lie between the key frames as well, so that a short film in a loop does not count; encoders
    number their key frames alternately, so a key frame may equal the one before the last.
    """

    def __init__(self, info: StreamInfo) -> None:
        self._pixels = info.width * info.height
        self._jpeg = info.codec in ("mjpeg", "rawvideo")
        # Kept whole: what differs does so within a few bytes, and need not be summed up to be told apart.
        self._seen: deque[bytes] = deque(maxlen=1 if self._jpeg else 2)
        self._since: float | None = None
        self._count = 0
        self._quiet_limit = self._deltas = self._quiet = 0

    def frozen(self, packet: Packet, now: float) -> bool:
        """Whether, with this packet at `now` (monotonic seconds), the picture has been the same for long enough."""
        if packet.key:
            self._key(packet.data, now)
        else:
            self._deltas += 1
            self._quiet += len(packet.data) <= self._quiet_limit
        least = LEAST_JPEGS if self._jpeg else LEAST_KEYS
        return self._since is not None and now - self._since >= FROZEN_AFTER and self._count >= least

    def _key(self, data: bytes, now: float) -> None:
        if self._quiet < self._deltas * QUIET_PACKETS:
            self._reset()
        plain = len(data) < self._pixels * (PLAIN_JPEG if self._jpeg else PLAIN_KEY)
        if data not in self._seen or plain:
            if self._jpeg or len(self._seen) == 2 or plain:
                self._reset()
            self._seen.append(data)
        if self._since is None:
            self._since = now
        self._count += 1
        self._quiet_limit, self._deltas, self._quiet = max(QUIET_BYTES, len(data) // QUIET_SHARE), 0, 0

    def _reset(self) -> None:
        self._since, self._count = None, 0
        self._seen.clear()
