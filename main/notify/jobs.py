"""What goes to the threads that send, and what comes back: plain values, so that they need no database."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a message."""

    action: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is told. `path` and the actions' addresses are root-relative; `at`: epoch seconds of what happened."""

    title: str
    body: str
    tag: str
    topic: str
    path: str
    at: float
    actions: tuple[Action, ...] = ()
    badge: int = 0
    # The event whose picture may be shown, when there is one.
    picture_of: int | None = None
    # The event as programs get it; empty for a trial and for several at once.
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class House:
    """Of the house, for every message. `url` without a slash at its end, or empty."""

    name: str
    url: str
    vapid: str
    run_dir: Path
    # Whether targets on this machine are allowed, and plain http for Web Push.
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One message to one channel. `delivery` names it for ever, `target` and `secret` are opened."""

    delivery: int
    channel: int
    kind: str
    target: str
    secret: str
    message: Message
    house: House
    # The event's picture under MEDIA_ROOT; None where none may or can be sent along.
    picture: Path | None = None


class Result(StrEnum):
    SENT = "sent"
    # It may work later.
    AGAIN = "again"
    # This message will never be taken; others may.
    REFUSED = "refused"
    # The target is no more: nothing is sent there again.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message. `words`: why not, for people, without secrets. `wait`: seconds the target asks for."""

    result: Result
    words: str = ""
    wait: float = 0.0


def again(words: str, wait: float = 0.0) -> Outcome:
    return Outcome(Result.AGAIN, words, wait)
