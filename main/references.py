"""Who and what else needs a recording, in words: the logs it belongs to, and what the camera itself knows."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from camera.access import Actor
from camera.models import Camera, Event, Recording, Right
from main.coverage import end_of
from main.models import ViewingSession
from main.viewings import LOOKBACKS
from main.words import moment_words, with_others

# As many are told by name; of the others how many they are.
TOLD = 5
AT_ONCE = 500


def references(recording: Recording) -> list[str]:
    """The logs that tell of somebody watching what `recording` shows: «bob's log of today 14:02». Deleted ones do not
    count, nor does looking back at it."""
    return logs_of([recording]).get(recording.pk, [])


def logs_of(
    recordings: Iterable[Recording], *, but_for: ViewingSession | None = None, reader: Actor | None = None
) -> dict[int, list[str]]:
    """The logs each of `recordings` belongs to, in words, by its id. Who looked at a small tile only or asked for
    single pictures needs it only when it was made for them; so do the other logs of the person of `but_for`, who
    comes from the wall and goes back to it. Whose log and when is told to a `reader` who may read it; None: all."""
    now = timezone.now()
    readable = set(Camera.objects.allowed(reader, Right.LOG).values_list("pk", flat=True)) if reader else set()
    by_camera: dict[int | None, list[Recording]] = defaultdict(list)
    for one in recordings:
        by_camera[one.camera_id].append(one)
    found: dict[int, list[str]] = {}
    for camera, rows in by_camera.items():
        for one, logs in _overlapping(camera, rows, now, but_for):
            words = [_log(row, reader, named=camera in readable) for row in logs]
            found[one.pk] = with_others(list(dict.fromkeys(words)), TOLD, "log", "logs")
    return found


def _log(row: ViewingSession, reader: Actor | None, *, named: bool) -> str:
    if named or reader is None or reader.is_owner or row.user_id == reader.user_id:
        return f"{row.user_name}'s log of {moment_words(row.started_at)}"
    return "somebody else's log"


def _overlapping(
    camera: int | None, recordings: list[Recording], now: datetime, but_for: ViewingSession | None
) -> list[tuple[Recording, list[ViewingSession]]]:
    start = min(one.started_at for one in recordings)
    end = max(end_of(one, now) for one in recordings)
    sessions = ViewingSession.objects.filter(
        Q(ended_at__gte=start) | Q(ended_at=None), camera=camera, started_at__lte=end, hidden_at=None
    ).exclude(Q(transport__in=LOOKBACKS) | Q(pk=but_for.pk if but_for else 0))
    if camera is None:
        sessions = sessions.filter(camera_slug__in={one.camera_slug for one in recordings})
    columns = ("camera_slug", "user_id", "counts", "user_name", "started_at", "ended_at", "left_at")
    rows = list(sessions.order_by("started_at", "pk").only(*columns))
    mine = but_for.user_id if but_for is not None else None
    return [
        (
            one,
            [
                row
                for row in rows
                if row.started_at <= end_of(one, now) and (row.ended_at or row.left_at or now) >= one.started_at
                and (camera is not None or row.camera_slug == one.camera_slug)
                and (f"session:{row.pk}" in one.reasons or (row.counts and (mine is None or row.user_id != mine)))
            ],
        )
        for one in recordings
    ]  # fmt: skip


def camera_needs(recordings: Iterable[Recording], *, but_for: ViewingSession | None = None) -> dict[int, list[str]]:
    """Why the camera's own side needs each of `recordings`, in words, by its id: events, a keep-mark, somebody else
    than the user of `but_for` who asked for it by hand, or that it goes on for another reason than that session."""
    rows = list(recordings)
    events = _events([one.pk for one in rows])
    found: dict[int, list[str]] = {}
    for one in rows:
        words = events.get(one.pk, [])
        if one.kept:
            words.append(f"marked to be kept by {one.kept_by}" if one.kept_by else "marked to be kept")
        asked = [reason.removeprefix("manual:") for reason in one.reasons if reason.startswith("manual:")]
        words += [f"asked for by {name}" for name in asked if but_for is None or name != but_for.user_name]
        if one.state == Recording.State.OPEN and (but_for is None or one.reasons != [f"session:{but_for.pk}"]):
            words.append("still being recorded")
        found[one.pk] = words
    return found


def _events(pks: list[int]) -> dict[int, list[str]]:
    told: dict[int, list[str]] = defaultdict(list)
    for start in range(0, len(pks), AT_ONCE):
        events = Event.objects.filter(recording__in=pks[start : start + AT_ONCE], delete_requested_at=None)
        for event in events.order_by("started_at", "pk").only("kind", "started_at", "recording"):
            if event.recording_id is not None:
                words = f"needed by the {event.get_kind_display()} event of {moment_words(event.started_at)}"
                told[event.recording_id].append(words)
    return {pk: with_others(words, TOLD, "event", "events") for pk, words in told.items()}
