"""What `camera` needs from the rooms above it. main's AppConfig.ready fills these; nothing here imports upwards."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from camera.footage import Event, Recording


@dataclass(frozen=True, slots=True)
class Policy:
    """The house's rules that camera code obeys, read afresh whenever asked. Rolls in seconds."""

    viewer_fps: float = 15.0
    record: str = "off"
    pre_roll: float = 5.0
    post_roll: float = 10.0
    # The folder that new recordings go to; "" for MEDIA_ROOT.
    storage: str = ""
    recording_days: int = 14
    event_days: int = 60
    still_days: int = 2
    # All recordings together; None for what the disk allows.
    gigabytes: float | None = None
    # How long a manual recording lasts at most.
    manual_hours: float = 4.0


def _default_policy() -> Policy:
    return Policy()


def _ignore_change(actor: str, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Nobody listens until main fills the port."""


def _ignore_event(event: "Event", is_new: bool) -> None:
    """Nobody listens until main fills the port."""


def _nothing_refers(recording: "Recording") -> list[str]:
    return []


def _nobody_watches() -> set[int]:
    return set()


def _none_open(sessions: Iterable[int]) -> set[int]:
    return set()


def _nobody_may(asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    return set()


policy: Callable[[], Policy] = _default_policy
on_change: Callable[[str, str, dict[str, Any], dict[str, Any]], None] = _ignore_change
# Called inside the transaction that writes the event's row.
on_event: Callable[["Event", bool], None] = _ignore_event
# What else needs a recording, in words for people («Bob's log of 14:02»).
references: Callable[["Recording"], list[str]] = _nothing_refers
# Ids of cameras that are watched now in a way that counts for recording while watched.
watched: Callable[[], set[int]] = _nobody_watches
# Which of these viewing sessions are still open.
open_sessions: Callable[[Iterable[int]], set[int]] = _none_open
# Which of these (user, camera) pairs are of active people who may (still) start a recording on that camera.
may_record: Callable[[Iterable[tuple[int, int]]], set[tuple[int, int]]] = _nobody_may
