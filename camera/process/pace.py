"""Which pictures the detection looks at."""

from camera.process.happening import STEP_BACK

LOOK_EVERY = 0.2
# Pictures come a little early or late. Seconds.
TOLERANCE = 0.02


class Pace:
    """Says which pictures are looked at: five a second by their capture times, whatever the camera's rate is."""

    def __init__(self) -> None:
        self._due: float | None = None

    def due(self, captured_at: float) -> bool:
        """Whether it is time for a look, which then counts as done. Capture times may leap; small steps back wait."""
        due = self._due
        if due is not None and due - LOOK_EVERY - STEP_BACK < captured_at < due - TOLERANCE:
            return False
        on_time = due is not None and due - TOLERANCE <= captured_at < due + LOOK_EVERY
        self._due = (due if on_time and due is not None else captured_at) + LOOK_EVERY
        return True
