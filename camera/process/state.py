"""How the camera stands: one CameraState, changed from several threads, read by the main one."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from camera.packets import CameraState, Packet, Reason, SourceError, StateName, StreamInfo
from camera.process.clock import Clock

# Frames a second are measured over this many seconds, or two frames of a slower camera.
_WINDOW = 5.0
_MOST_STAMPS = 600


class StateKeeper:
    """Online means that pictures come. `on_online` is called with each change of that, `changed` with every change."""

    def __init__(
        self, camera: int, clock: Clock, on_online: Callable[[bool], None], changed: Callable[[], None]
    ) -> None:
        self._clock, self._on_online, self._changed = clock, on_online, changed
        self._lock = threading.RLock()
        self._state = CameraState(camera, StateName.CONNECTING, since=clock.time())
        # Capture time and clock of the newest picture. Not in the state before that is told: to copy it for each one
        # costs more than everything else done here.
        self._newest: tuple[float | None, str] = None, self._state.clock
        self._stamps: deque[float] = deque(maxlen=_MOST_STAMPS)
        self._silence = 10.0
        self._last_packet: float | None = None
        self._online_since: float | None = None
        self._last_pts: int | None = None
        self._blind = False

    @property
    def online(self) -> bool:
        return self._state.state == StateName.ONLINE

    def online_seconds(self) -> float:
        """How long the camera has been online without a break."""
        with self._lock:
            return self._clock.monotonic() - self._online_since if self._online_since is not None else 0.0

    def opened(self, info: StreamInfo, silence: float) -> None:
        """A stream is there; pictures are still to come. `silence`: seconds without one that are a fault."""
        with self._lock:
            self._silence = silence
            self._last_packet = self._clock.monotonic()
            self._stamps.clear()
            self.streams(info)

    def streams(self, info: StreamInfo) -> None:
        """Size or codec are these from now on."""
        with self._lock:
            if info.codec != self._state.codec:
                self._state = replace(self._state, film="", film_sound="")
            self._state = replace(self._state, codec=info.codec, width=info.width, height=info.height)

    def packet(self, packet: Packet, frozen: bool) -> None:
        """A picture came."""
        with self._lock:
            now = self._clock.monotonic()
            self._last_packet = now
            # A picture that comes in two packets is one.
            if packet.pts is None or packet.pts != self._last_pts:
                self._stamps.append(now)
            self._last_pts = packet.pts
            self._newest = packet.captured_at, packet.clock
            if frozen:
                self._set(StateName.OFFLINE, Reason.FROZEN, "")
            elif not self._blind:
                self._set(StateName.ONLINE, None, "")

    def blind(self, is_blind: bool) -> None:
        """Packets come but nothing can be made of them."""
        with self._lock:
            if is_blind == self._blind:
                return
            self._blind = is_blind
            if is_blind:
                self._set(StateName.OFFLINE, Reason.BAD_STREAM, "its pictures cannot be decoded")

    def failed(self, error: SourceError) -> None:
        """The source cannot be opened, or broke."""
        with self._lock:
            self._last_packet, self._blind = None, False
            self._stamps.clear()
            self._set(StateName.OFFLINE, error.reason, error.detail)

    def look(self) -> None:
        """Notice a source that has gone silent without saying so."""
        with self._lock:
            if self.online and self._last_packet is not None:
                quiet = self._clock.monotonic() - self._last_packet
                if quiet > self._silence:
                    self._set(StateName.OFFLINE, Reason.STALLED, f"no picture for {quiet:.0f} s")

    def sized(self, width: int, height: int) -> None:
        """What the decoded pictures really measure."""
        with self._lock:
            if (width, height) != (self._state.width, self._state.height):
                self._state = replace(self._state, width=width, height=height)

    def films(self, silent: str, loud: str) -> None:
        """By which codecs the film can be played untouched, without sound and with it; "" where it cannot."""
        with self._lock:
            if (silent, loud) != (self._state.film, self._state.film_sound):
                self._state = replace(self._state, film=silent, film_sound=loud)
                self._changed()

    def state(self) -> CameraState:
        """The state as it is to be told now."""
        with self._lock:
            newest, clock = self._newest
            return replace(self._state, fps=round(self._fps(), 1), last_frame_at=newest, clock=clock)

    def _fps(self) -> float:
        now = self._clock.monotonic()
        while len(self._stamps) > 2 and now - self._stamps[0] > _WINDOW:
            self._stamps.popleft()
        if not self.online or len(self._stamps) < 2:
            return 0.0
        steps, span = len(self._stamps) - 1, self._stamps[-1] - self._stamps[0]
        if now - self._stamps[-1] > 2 * span / steps:
            span = now - self._stamps[0]
        return steps / span if span > 0 else 0.0

    def _set(self, state: StateName, reason: Reason | None, detail: str) -> None:
        before = self._state
        if (before.state, before.reason, before.detail) == (state, reason, detail):
            return
        since = before.since if (before.state, before.reason) == (state, reason) else self._clock.time()
        self._state = replace(before, state=state, reason=reason, detail=detail, since=since)
        if (state == StateName.ONLINE) != (before.state == StateName.ONLINE):
            is_online = state == StateName.ONLINE
            self._online_since = self._clock.monotonic() if is_online else None
            self._on_online(is_online)
        self._changed()
