"""What `camera` needs from the rooms above it. main's AppConfig.ready fills these; nothing here imports upwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Policy:
    """The house's rules that camera code obeys, read afresh whenever asked."""

    viewer_fps: float = 15.0


def _default_policy() -> Policy:
    return Policy()


def _ignore_change(actor: str, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Nobody listens until main fills the port."""


policy: Callable[[], Policy] = _default_policy
on_change: Callable[[str, str, dict[str, Any], dict[str, Any]], None] = _ignore_change
