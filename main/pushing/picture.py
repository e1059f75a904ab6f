"""A picture on its way in, by whichever door it came, and what its sender is told."""

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Pushed:
    """A JPEG whose marks have been checked. `captured_at`: seconds since the epoch, by the sender where `clock` is
    `source`; `late`: from a time when the sender had no line, so it is kept and never shown as live; `kind`: what the
    sender saw ("spill", "motion" …), or ""; `sender_id`: what it calls that event, or ""."""

    data: bytes
    width: int
    height: int
    captured_at: float
    clock: str = "arrival"
    late: bool = False
    kind: str = ""
    sender_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told. `status` 202: the engine has the picture; a flagged one's still and row are stored.

    `event`: the uid of the event a flagged picture belongs to; `late`: it is kept and not shown as live.
    """

    status: int
    code: str = ""
    message: str = ""
    # Pictures a second that are taken from this sender.
    rate: float = 0.0
    event: str = ""
    late: bool = False
    # Whole seconds after which trying again makes sense; 0: nothing is said of it.
    retry_after: int = 0

    @property
    def taken(self) -> bool:
        return self.status == HTTPStatus.ACCEPTED


class BadPictureError(ValueError):
    """Refused before it went anywhere; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer
