"""What the engine says of its cameras on MEDIA, for a thread without an event loop."""

import time
from collections.abc import Callable
from typing import Any

import zmq

from camera import bus
from camera.live.hub import EVENT, FORGET_STATE, SILENCE
from camera.packets import CameraState, StateName, sound


class Media:
    """`take` reads what has come; `socket` can be polled for it. Belongs to one thread."""

    def __init__(self, endpoint: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self.socket = bus.connect(self._context, zmq.SUB, endpoint, bus.RELAY_HWM)
        for name in (f"{bus.STATE}:".encode(), bus.topic(bus.ENGINE), f"{EVENT}:".encode()):
            self.socket.subscribe(name)
        self._clock = clock
        self._beat = float("-inf")
        self._states: dict[int, tuple[float, CameraState]] = {}

    def take(self) -> bool:
        """Whether something has happened: then the rows are worth a look."""
        happened = False
        for _ in range(bus.AT_ONCE):
            if not bus.waits(self.socket):
                break
            parts = self.socket.recv_multipart(zmq.NOBLOCK)
            header = bus.decode(parts[1]) if len(parts) == 3 and len(parts[1]) <= bus.LONGEST_HEADER else None
            if header is not None:
                happened = self._heard(parts[0].partition(b":")[0].decode(errors="replace"), header) or happened
        return happened

    def _heard(self, kind: str, header: dict[str, Any]) -> bool:
        now = self._clock()
        if kind == bus.ENGINE:
            self._beat = now
        elif kind == bus.STATE:
            try:
                state = sound(CameraState.from_dict(header))
            except (ValueError, TypeError):
                return False
            self._states[state.camera] = (now, state)
            if len(self._states) > 1 and now - min(at for at, _ in self._states.values()) > FORGET_STATE:
                self._states = {pk: one for pk, one in self._states.items() if now - one[0] <= FORGET_STATE}
        return kind == EVENT

    def state(self, camera: int) -> CameraState:
        """How the camera stands now; offline when neither it nor the engine has been heard for a while."""
        now = self._clock()
        heard = self._states.get(camera)
        if heard is None or now - heard[0] > SILENCE or now - self._beat > SILENCE:
            return CameraState(camera, StateName.OFFLINE)
        return heard[1]

    def close(self) -> None:
        self.socket.close()
        self._context.term()
