"""How the house stands on its broker: told by the notifier in a small file, read by pages."""

import json
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)

NAME = "mqtt.json"
# Told so often at least, and believed for so long; seconds.
TELL_EVERY, BELIEVED = 20.0, 90.0


@dataclass(slots=True)
class Standing:
    """Whether the house is on the broker, and in words why not. `since`: seconds since the epoch."""

    up: bool = False
    words: str = "Not connected yet."
    since: float = field(default_factory=time.time)


def how_it_stands() -> Standing | None:
    """None where the house has no broker, or the notifier is not running."""
    try:
        told = json.loads((Path(settings.RUN_DIR) / NAME).read_text())
        if abs(time.time() - float(told["at"])) > BELIEVED:
            return None
        return Standing(bool(told["up"]), str(told["words"])[:300], float(told["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Notice:
    """Tells it: at each change, and now and then that it still is so. Belongs to one thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._last: Standing | None = None
        self._at = float("-inf")

    def tell(self, standing: Standing) -> None:
        now = time.monotonic()
        if standing is self._last and now - self._at < TELL_EVERY:
            return
        self._last, self._at = standing, now
        told = {"up": standing.up, "words": standing.words, "since": standing.since, "at": time.time()}
        try:
            partial = self._path.with_suffix(".part")
            partial.write_text(json.dumps(told))
            partial.replace(self._path)
        except OSError as error:
            logger.warning("MQTT: how it stands cannot be noted: %s", error)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
