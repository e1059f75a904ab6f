"""Names on the broker. A camera's own topics carry its slug, for people; what Home Assistant keeps carries its number,
so that a camera that is renamed stays the same one there."""

import re
from dataclasses import dataclass
from enum import StrEnum

# Who acts when the broker asks: it is nobody of the house, so it has a number that no person has.
NAME, USER = "MQTT", 0
ONLINE, OFFLINE = "online", "offline"
ON, OFF, PRESS = "ON", "OFF", "PRESS"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class State(StrEnum):
    """What is told of each camera, retained."""

    MOTION = "motion"
    PERSON = "person"
    RING = "ring"
    ONLINE = "online"
    RECORDING = "recording"
    RECORD = "record"
    STILL = "still"


class Act(StrEnum):
    """What may be asked of a camera."""

    RECORD = "record"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    CLOSER = "closer"
    FARTHER = "farther"
    HOME = "home"
    ALARM = "alarm"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Names:
    """The topics of one house, by its prefix and that of discovery (empty: nothing is discovered)."""

    prefix: str
    discovery: str

    @property
    def node(self) -> str:
        """Names this house among all that are discovered; in every unique_id."""
        return self.prefix.replace("/", "_")

    @property
    def status(self) -> str:
        """online or offline: whether this house speaks at all."""
        return f"{self.prefix}/status"

    def state(self, slug: str, what: State) -> str:
        return f"{self.prefix}/{slug}/{what}"

    def command(self, slug: str, act: Act) -> str:
        return f"{self.prefix}/{slug}/{act}/set"

    def config(self, component: str, camera: int, what: str) -> str:
        return f"{self.discovery}/{component}/{self.node}/{camera}_{what}/config"

    def unique_id(self, camera: int, what: str) -> str:
        return f"{self.node}_{camera}_{what}"

    @property
    def commands(self) -> str:
        """All commands, as a subscription."""
        return f"{self.prefix}/+/+/set"

    @property
    def kept(self) -> list[str]:
        """Small topics that the broker keeps, as subscriptions: by these is found what nobody sees to any more."""
        found = [self.state("+", State.ONLINE)]
        return [*found, f"{self.discovery}/+/{self.node}/+/config"] if self.discovery else found

    def slug_of(self, topic: str) -> str | None:
        """Of which camera this is the topic State.ONLINE; None when it is another topic."""
        begin, end = f"{self.prefix}/", f"/{State.ONLINE}"
        slug = topic.removeprefix(begin).removesuffix(end)
        return slug if topic == f"{begin}{slug}{end}" and _SLUG.fullmatch(slug) else None

    def is_config(self, topic: str) -> bool:
        return bool(self.discovery) and topic.startswith(f"{self.discovery}/") and f"/{self.node}/" in topic

    def asked(self, topic: str) -> tuple[str, Act] | None:
        """(slug, act) of a command's topic; None when it is none."""
        parts = topic.removeprefix(f"{self.prefix}/").split("/")
        if len(parts) != 3 or parts[2] != "set" or not _SLUG.fullmatch(parts[0]) or parts[1] not in set(Act):
            return None
        return parts[0], Act(parts[1])
