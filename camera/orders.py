"""What the engine tells a camera process to do with its pictures: plain values that can change while it runs."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

MODES = ("off", "watched", "motion", "always")
METHODS = ("off", "background", "difference")


@dataclass(frozen=True, slots=True)
class Orders:
    """The newest orders count, whole; `number` tells which those are and stands in the camera's state as an answer.

    Seconds for the rolls; `storage` and `media` are absolute folders; `sensitivity` 1 … 100; `min_area` is a
    percentage of the picture. `reasons` are those from outside (`watched`, `session:12`, `manual:bob`); `always` and
    `motion` the process finds by itself from `mode`. `ring`, too, comes from outside: recorded from `ring_roll` seconds
    before `rang_at`. `hold` forbids recording and says why ("disk_full"), else "".
    """

    number: int = 0
    slug: str = ""
    storage: str = ""
    media: str = ""
    mode: str = "off"
    pre_roll: float = 5.0
    post_roll: float = 10.0
    detect: str = "off"
    sensitivity: int = 50
    min_area: float = 0.15
    reasons: tuple[str, ...] = ()
    hold: str = ""
    # A file ends with the first key frame after so many bytes; 0 for any size.
    most_bytes: int = 0
    # Files that end with the next key frame although recording goes on: somebody has deleted what they hold.
    cut: tuple[str, ...] = ()
    # Seconds from still to still; 0 for none.
    stills_every: float = 0.0
    # Seconds that are always at hand, so that a ring is seen from before; 0 where nobody can ring.
    ring_roll: float = 0.0
    # The first press of the ring that goes on, seconds since the epoch; 0 for none. `ring`: its uid until it has a
    # picture.
    rang_at: float = 0.0
    ring: str = ""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Orders":
        """Raises ValueError or TypeError."""
        known = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        for name in ("reasons", "cut"):
            known[name] = tuple(str(one) for one in known.get(name, ()))
        made = cls(**known)
        if made.mode not in MODES or made.detect not in METHODS:
            raise ValueError("no such mode")
        times = (made.pre_roll, made.post_roll, made.min_area, made.stills_every, made.ring_roll, made.rang_at)
        if not all(math.isfinite(one) and one >= 0 for one in times):
            raise ValueError("no such time")
        return made

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector saw in one frame. Boxes are (left, top, width, height), each 0 … 1 of the picture."""

    score: float
    boxes: tuple[tuple[float, float, float, float], ...] = field(default=())
