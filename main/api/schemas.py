"""What the API takes and gives. Names and order of the keys are a contract."""

import base64
import binascii
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from django.utils.dateparse import parse_date, parse_datetime
from ninja import Field, Schema
from pydantic import StrictBool, StrictInt, StrictStr, field_validator

SLUG = "[a-z0-9][a-z0-9-]*"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATE_HELP = "not a date or time; write 2026-01-31 or 2026-01-31T14:00:00+00:00 (with + as %2B)."
CURSOR_HELP = "not a cursor this API has given."
ReasonName = Literal[
    "NO_SIGNAL",
    "STALLED",
    "FROZEN",
    "AUTH_FAILED",
    "REFUSED",
    "NOT_FOUND",
    "BAD_STREAM",
    "PRIVACY",
    "ENGINE_DOWN",
]
KindName = Literal["motion", "person", "vehicle", "animal", "spill", "ring", "camera_offline", "system"]
TransportName = Literal["page", "websocket", "mjpeg", "frame", "playback", "export"]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-31T14:00:00.000000+00:00"])]


def utc(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with microseconds and +00:00."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime:
    """A date (its first moment) or time; without a zone it is UTC. Raises ValueError."""
    text = text.strip()
    if "T" in text:
        # A "+" that was not escaped in the address arrives as a blank.
        text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    try:
        day = parse_date(text)
        moment = datetime(day.year, day.month, day.day) if day else parse_datetime(text)
        if moment is None:
            raise ValueError(DATE_HELP)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(DATE_HELP) from None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: the next one goes on after it, newest first."""

    at: datetime
    pk: int

    def encode(self) -> str:
        microseconds = (self.at - EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(struct.pack(">qq", microseconds, self.pk)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises ValueError."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{22}", text):
            raise ValueError(CURSOR_HELP)
        try:
            microseconds, pk = struct.unpack(">qq", base64.urlsafe_b64decode(text + "=="))
            return cls(EPOCH + timedelta(microseconds=microseconds), pk)
        except (binascii.Error, struct.error, OverflowError):
            raise ValueError(CURSOR_HELP) from None


class Filter(Schema):
    """What every list that is newest first can be asked for."""

    camera: str | None = Field(None, max_length=60, pattern=f"^{SLUG}$", description="The camera's slug.")
    from_: str | None = Field(
        None, alias="from", max_length=40, description="Those that started at or after this date or time (UTC)."
    )
    to: str | None = Field(None, max_length=40, description="Those that started before this date or time (UTC).")
    cursor: str | None = Field(None, max_length=60, description="`next` of the page before.")

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_absent(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("from_", "to")
    @classmethod
    def _time(cls, value: str | None) -> str | None:
        if value is not None:
            parse_time(value)
        return value

    @field_validator("cursor")
    @classmethod
    def _cursor(cls, value: str | None) -> str | None:
        if value is not None:
            Cursor.decode(value)
        return value


class ViewingFilter(Filter):
    user: str | None = Field(None, max_length=150, pattern=r"^[^\x00-\x1f\x7f]+$", description="The viewer's name.")


class EventFilter(Filter):
    kind: KindName | None = Field(None, description="What kind of event.")


class CameraOut(Schema):
    slug: str
    name: str
    source: str = Field(
        description="SOURCE without credentials; its kind alone for those who may not change the camera."
    )
    state: Literal["connecting", "online", "offline", "paused", "disabled"]
    reason: ReasonName | None
    clock: Literal["arrival", "source"]
    fps: float = Field(description="Pictures a second the camera sends, measured.")
    width: int | None = Field(description="Pixels; null while unknown.")
    height: int | None
    codec: str | None
    recording: bool
    viewers: int = Field(description="Viewing sessions that are open now.")
    last_frame_at: Time | None


class ViewingOut(Schema):
    id: int
    user: str
    camera: str
    started_at: Time
    ended_at: Time | None
    transport: TransportName
    recorded: bool = Field(description="Whether something of what was seen then has been kept.")
    recordings: list[int]


class EventOut(Schema):
    id: int
    camera: str | None = Field(description="Null for what concerns the whole house; only its owners see that.")
    kind: KindName
    started_at: Time
    ended_at: Time | None = Field(description="Null while it goes on.")
    score: float = Field(description="0 … 1: of a motion how much of the picture moved, else how sure the house is.")
    label: str
    boxes: list[list[float]] = Field(description="[left, top, width, height], each 0 … 1 of the picture.")
    image: str | None
    recording: int | None


class RecordingOut(Schema):
    id: int
    camera: str
    started_at: Time
    ended_at: Time | None = Field(description="Null while it is being recorded.")
    state: Literal["open", "closed", "interrupted", "missing", "damaged"]
    trigger: Literal["always", "motion", "watched", "session", "manual", "ring"]
    bytes: int
    sha256: str = Field(description="Of the file, hex; empty while it is being recorded.")
    file: str


class RecordIn(Schema):
    on: StrictBool
    session: StrictInt | None = Field(
        None, description="An open viewing session of yours on this camera; the recording lasts as long as that."
    )


class RecordOut(Schema):
    recording: bool
    reasons: list[str]


Turn = Annotated[float, Field(strict=True, ge=-1, le=1, allow_inf_nan=False)]


class MoveIn(Schema):
    pan: Turn = Field(0.0, description="-1 … 1: to the left, to the right.")
    tilt: Turn = Field(0.0, description="-1 … 1: down, up.")
    zoom: Turn = Field(0.0, description="-1 … 1: wider, closer.")
    seconds: Annotated[float, Field(strict=True, gt=0, le=5, allow_inf_nan=False)] = Field(
        0.5, description="After these the camera stops by itself."
    )


class MoveOut(Schema):
    moving: bool
    seconds: float


class PresetOut(Schema):
    preset: str


class AnswerIn(Schema):
    text: StrictStr = Field(
        max_length=200, description="Shown and spoken at the door; empty: you only say that you see to it."
    )


class AnswerOut(Schema):
    by: str
    text: str
    at: Time


class AnsweredOut(Schema):
    first: bool = Field(description="Whether nobody had answered before you.")
    answered_by: str = Field(description="Who was first.")
    answers: list[AnswerOut]


class CameraPage(Schema):
    items: list[CameraOut]
    next: str | None


class EventPage(Schema):
    items: list[EventOut]
    next: str | None


class RecordingPage(Schema):
    items: list[RecordingOut]
    next: str | None


class ViewingPage(Schema):
    items: list[ViewingOut]
    next: str | None


class ErrorBody(Schema):
    code: str
    message: str


class ErrorOut(Schema):
    error: ErrorBody
