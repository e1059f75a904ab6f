"""What `accounts` needs from the rooms above it. main fills these at start; nothing here imports upwards."""

from collections.abc import Callable
from typing import Any


def _closed() -> bool:
    return False


def _ignore_change(actor: str, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Nobody listens until main fills the port."""


signups_open: Callable[[], bool] = _closed
on_change: Callable[[str, str, dict[str, Any], dict[str, Any]], None] = _ignore_change
