"""How a camera stands, for pages and programs."""

import math

from camera.live.hub import current_hub
from camera.packets import CameraState, Reason, StateName

_STATES, _REASONS = frozenset(StateName), frozenset(Reason)


def state_of(camera: int) -> CameraState:
    """The camera's state with every value of the right kind.

    A camera process that a hostile stream took over may say anything; that must not spoil the list of the others.
    """
    state = current_hub().state(camera)
    return state if _is_sound(state) else CameraState(camera, StateName.OFFLINE, Reason.BAD_STREAM)


def _is_sound(state: CameraState) -> bool:
    words = (state.state, state.clock, state.codec, state.detail)
    whole = (state.width, state.height)
    # Seconds until the year 9999: later ones no calendar knows.
    numbers = (state.fps, state.last_frame_at or 0.0)
    return (
        all(isinstance(word, str) for word in words)
        and state.state in _STATES
        and (not state.reason or (isinstance(state.reason, str) and state.reason in _REASONS))
        and state.clock in ("arrival", "source")
        and all(isinstance(number, int) and 0 <= number < 100_000 for number in whole)
        # Until the year 9999: later ones no calendar knows.
        and all(
            isinstance(number, int | float) and math.isfinite(number) and 0 <= number < 2.5e11 for number in numbers
        )
    )
