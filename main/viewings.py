"""Viewing sessions as rows: who looked at which camera from when to when, and the log line of each opening and end.

Everything here is plain and synchronous and runs in threads; main/watchers.py keeps the connections of a web process.
"""

import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.devices import device_words
from accounts.models import digest
from camera.access import Actor
from camera.models import Camera
from main.actors import Login
from main.models import LogLine, ViewingSession

Transport = ViewingSession.Transport
# Not live: they begin and end at once and are nobody's presence.
LOOKBACKS = (Transport.PLAYBACK, Transport.EXPORT)
# Ways of looking that are whole pictures by themselves.
COUNTING = (Transport.PAGE, Transport.MJPEG)
CARRIED_ON = (
    "user_id", "user_name", "camera_id", "camera_name", "camera_slug", "key", "transport", "counts", "address", "device"
)  # fmt: skip
# A page that is being turned or a line that drops for a moment comes back within this time.
LEFT = timedelta(seconds=4)
# The engine looks once a second, so that what nobody keeps alive (a web process that was killed) ends within 10 s.
UNSEEN = timedelta(seconds=8)
FRAME_UNSEEN = timedelta(seconds=30)
# A row from the future was written before the clock was set back: nobody keeps it alive.
FUTURE = timedelta(minutes=1)
FRAME_PAGE = "frame.jpg"
LONGEST_PAGE = 64
PAGE_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
ROWS_AT_ONCE = 200
# Sessions that end in one transaction, and in one go.
ENDED_AT_ONCE, ENDED_AT_MOST = 100, 500
_MORE_BYTES = f'UPDATE "{ViewingSession._meta.db_table}" SET "bytes" = "bytes" + %s WHERE "id" = %s'  # noqa: S608 (own name)
_NOT_SEEN = (
    f'SELECT 1 FROM "{ViewingSession._meta.db_table}" '  # noqa: S608 (own name)
    'WHERE "ended_at" IS NULL AND ("left_at" IS NOT NULL OR "last_seen_at" < %s OR "last_seen_at" > %s) LIMIT 1'
)
_ENDED = f'UPDATE "{ViewingSession._meta.db_table}" SET "ended_at" = %s WHERE "id" = %s'  # noqa: S608 (own name)
# (median, longest, longest, id). Another web process may have had the same session before: the worst stays the worst.
_DELAYS = (
    f'UPDATE "{ViewingSession._meta.db_table}" SET "delay_median" = %s, "delay_max" = '  # noqa: S608 (own name)
    'CASE WHEN "delay_max" > %s THEN "delay_max" ELSE %s END WHERE "id" = %s'
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks, from where and with what."""

    actor: Actor
    login: Login
    address: str | None = None
    device: str = ""


@dataclass(slots=True)
class Seen:
    """What a web process has to add to one open row. Delays in seconds."""

    pk: int
    bytes: int = 0
    delay: tuple[float, float] | None = field(default=None)


def new_page_id() -> str:
    return secrets.token_urlsafe(12)


def is_page_id(text: str) -> bool:
    """Whether it can be one of `new_page_id`."""
    return bool(PAGE_ID.fullmatch(text))


def clean_address(raw: str | None) -> str | None:
    """The IP address in plain form, an IPv4 one behind IPv6 as such; None when it is none (a unix socket, a test)."""
    try:
        found = ipaddress.ip_address(raw or "")
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found).partition("%")[0]


def visitor_of(request: HttpRequest, actor: Actor, login: Login) -> Visitor:
    address = clean_address(request.META.get("REMOTE_ADDR"))
    return Visitor(actor, login, address, device_words(request.headers.get("User-Agent", "")))


def viewing_key(actor: Actor, page: str, camera: int) -> str:
    """Names the session of this log-in, page and camera. The log-in is part of it: a page id alone joins nothing."""
    return digest(f"{actor.key}\n{page[:LONGEST_PAGE]}\n{camera}")


def join(visitor: Visitor, camera: Camera, page: str, transport: str, *, counts: bool | None = None) -> ViewingSession:
    """The open session of that log-in, page and camera, else a new one with its log line. No page: always a new one.

    `counts`: whether it is a viewing that a camera recorded while watched is recorded for; None: pages and MJPEG are,
    a socket's tile only when its size is said. A session that counts once counts until it ends.
    """
    now = timezone.now()
    counts = transport in COUNTING if counts is None else counts
    key = viewing_key(visitor.actor, page or new_page_id(), camera.pk)
    with transaction.atomic():
        mine = ViewingSession.objects.filter(key=key, ended_at=None)
        news = {"left_at": None, "last_seen_at": now} | ({"counts": True} if counts else {})
        if page and mine.update(**news):
            found = mine.order_by("-pk").first()
            if found is not None:
                return _looks_by(found, transport)
        return _open(
            ViewingSession(
                user_id=visitor.actor.user_id,
                user_name=visitor.actor.name,
                camera=camera,
                camera_name=camera.name,
                camera_slug=camera.slug,
                key=key,
                transport=transport,
                counts=counts,
                address=visitor.address,
                device=visitor.device,
            ),
            now,
        )


def _looks_by(row: ViewingSession, transport: str) -> ViewingSession:
    """A page was opened first; how it shows the camera is known when its socket or stream joins."""
    if row.transport == Transport.PAGE != transport:
        row.transport = transport
        row.save(update_fields=["transport"])
    return row


def _open(row: ViewingSession, now: datetime) -> ViewingSession:
    row.started_at = row.last_seen_at = now
    with transaction.atomic():
        row.save(force_insert=True)
        LogLine.append(
            LogLine.What.OPENED, row, now, transport=row.transport, address=row.address or "", device=row.device
        )
    return row


def reopen(pk: int) -> int | None:
    """Another session for connections whose row was ended while they were still open (the database was locked for
    long, or the clock was set). The new row's id; None when the row is gone altogether."""
    old = ViewingSession.objects.filter(pk=pk).first()
    if old is None:
        return None
    return _open(ViewingSession(**{name: getattr(old, name) for name in CARRIED_ON}), timezone.now()).pk


def open_session(actor: Actor, page: str, camera: int) -> ViewingSession | None:
    """The session of that log-in, page and camera while it goes on."""
    mine = ViewingSession.objects.filter(key=viewing_key(actor, page, camera), ended_at=None)
    return mine.order_by("-pk").first() if page else None


def write_seen(seen: Iterable[Seen], now: datetime | None = None) -> set[int]:
    """Say of all open sessions at once that they go on. The ids of those that have ended meanwhile."""
    now = now or timezone.now()
    rows = {one.pk: one for one in seen}
    ended: set[int] = set()
    pks = list(rows)
    for start in range(0, len(pks), ROWS_AT_ONCE):
        chunk = pks[start : start + ROWS_AT_ONCE]
        going_on = ViewingSession.objects.filter(pk__in=chunk, ended_at=None)
        with transaction.atomic():
            if going_on.update(last_seen_at=now, left_at=None) < len(chunk):
                ended |= set(chunk) - set(going_on.values_list("pk", flat=True))
            _write_bytes([rows[pk] for pk in chunk if pk not in ended])
            _write_delays([rows[pk] for pk in chunk])
    return ended


def write_left(left: Iterable[tuple[Seen, datetime]]) -> None:
    """Say of sessions that their last connection has gone, and when."""
    for seen, at in left:
        going_on = ViewingSession.objects.filter(pk=seen.pk, ended_at=None)
        going_on.update(left_at=at, last_seen_at=at, bytes=F("bytes") + seen.bytes)
        _write_delays([seen])


def _write_bytes(rows: list[Seen]) -> None:
    # One prepared statement for all of them: Django's CASE takes ten times as long to put into words.
    more = [(one.bytes, one.pk) for one in rows if one.bytes]
    if more:
        with connection.cursor() as cursor:
            cursor.executemany(_MORE_BYTES, more)


def _write_delays(rows: list[Seen]) -> None:
    measured = [(*one.delay, one.delay[1], one.pk) for one in rows if one.delay is not None]
    if measured:
        with connection.cursor() as cursor:
            cursor.executemany(_DELAYS, measured)


def end_unseen(now: datetime | None = None) -> int:
    """End the sessions that were left or not seen for long, each with its log line; how many. The engine's work.

    They are read and ended in one transaction, so that two engines write one line and a viewer that comes back wins.
    """
    now = now or timezone.now()
    if not _may_be_over(now):
        return 0
    unseen = Q(last_seen_at__lt=now - UNSEEN) & ~Q(transport=Transport.FRAME)
    unseen_frame = Q(last_seen_at__lt=now - FRAME_UNSEEN, transport=Transport.FRAME)
    over = Q(left_at__lt=now - LEFT) | unseen | unseen_frame | Q(last_seen_at__gt=now + FUTURE)
    due = ViewingSession.objects.filter(over, ended_at=None)
    ended = 0
    while (more := _end_some(due, now)) and ended < ENDED_AT_MOST:
        ended += more
    return ended


def _may_be_over(now: datetime) -> bool:
    """Whether any open session was not seen just now. Asked every second and mostly in vain, so in few words: to put
    the whole question takes Django ten times as long as the database needs to answer it."""
    earliest, latest = (connection.ops.adapt_datetimefield_value(one) for one in (now - LEFT, now + FUTURE))
    with connection.cursor() as cursor:
        cursor.execute(_NOT_SEEN, (earliest, latest))
        return cursor.fetchone() is not None


def _end_some(due: QuerySet[ViewingSession], now: datetime) -> int:
    """As many as may be ended while others wait to write."""
    with transaction.atomic():
        rows = list(due.select_for_update().order_by("pk")[:ENDED_AT_ONCE])
        for row in rows:
            row.ended_at = max(row.started_at, row.left_at or row.last_seen_at)
        if rows:
            with connection.cursor() as cursor:
                adapt = connection.ops.adapt_datetimefield_value
                cursor.executemany(_ENDED, [(adapt(row.ended_at), row.pk) for row in rows])
            LogLine.append_all(_closed(row, now) for row in rows)
    return len(rows)


def _closed(row: ViewingSession, now: datetime) -> LogLine:
    told = {"seconds": round(row.seconds, 1), "bytes": row.bytes, "transport": row.transport}
    return LogLine.about(LogLine.What.CLOSED, row, now, **told)


def names_watching(cameras: Iterable[int]) -> dict[int, list[str]]:
    """Who is watching each of these cameras now, by name."""
    names: dict[int, list[str]] = {camera: [] for camera in cameras}
    rows = ViewingSession.objects.filter(camera_id__in=names, ended_at=None, left_at=None, hidden_at=None)
    for camera, name in rows.order_by("user_name").values_list("camera_id", "user_name").distinct():
        if camera is not None:
            names[camera].append(name)
    return names
