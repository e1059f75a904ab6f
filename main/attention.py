"""What somebody has seen already, and how much waits for them: the figure at the bell."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q
from django.utils import timezone

from accounts.models import Role, User
from camera.access import Actor
from camera.models import Event, Right
from main import rings
from main.models import Attention

# What is not counted: motion, which happens all day.
COUNTED = frozenset(Event.Kind.values) - {Event.Kind.MOTION.value}
MOST = 100
# Whoever never opens the events is not told of more than these days.
OLDEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Badge:
    """Rings missed and events unseen, each at most 100: shown as «99+»."""

    missed: int = 0
    unseen: int = 0

    @property
    def words(self) -> str:
        """«2 missed rings, 5 new events»; empty when nothing waits."""
        told = [
            _many(self.missed, "missed ring", "missed rings") if self.missed else "",
            _many(self.unseen, "new event", "new events") if self.unseen else "",
        ]
        return ", ".join(filter(None, told))

    def as_json(self) -> dict[str, int]:
        return {"missed": self.missed, "unseen": self.unseen}


def figure(number: int) -> str:
    return "99+" if number >= MOST else str(number)


def _many(number: int, one: str, several: str) -> str:
    return f"{figure(number)} {one if number == 1 else several}"


def badge(actor: Actor) -> Badge:
    """What waits for `actor`; nothing for who is no person, and for screens."""
    if actor.user_id is None or actor.role == Role.KIOSK:
        return Badge()
    return Badge(rings.missed_rows(actor)[:MOST].count(), _unseen(actor, actor.user_id))


def _unseen(actor: Actor, user: int) -> int:
    seen = Attention.objects.filter(user_id=user).values_list("events_seen", flat=True).first()
    after = Q(pk__gt=seen) if seen is not None else Q(started_at__gte=_came(user))
    since = timezone.now() - OLDEST
    rows = Event.objects.allowed(actor, Right.PLAYBACK).filter(after, kind__in=sorted(COUNTED), started_at__gte=since)
    return rows.order_by()[:MOST].count()


def _came(user: int) -> datetime:
    return User.objects.filter(pk=user).values_list("date_joined", flat=True).first() or timezone.now()


def see_rings(actor: Actor, up_to: int) -> None:
    """`actor` has seen the rings up to that id, which never goes back."""
    _see(actor, "rings_seen", up_to)


def see_events(actor: Actor) -> None:
    """`actor` has seen every event there is. Writes only when there is a newer one."""
    _see(actor, "events_seen", Event.objects.aggregate(newest=Max("pk"))["newest"] or 0)


def _see(actor: Actor, column: str, up_to: int) -> None:
    if actor.kind != "user" or actor.user_id is None:
        return
    mine = Attention.objects.filter(user_id=actor.user_id)
    is_new = False
    if not mine.exists():
        # The other column begins where it would without a row.
        came = Event.objects.filter(started_at__lt=_came(actor.user_id)).aggregate(newest=Max("pk"))["newest"] or 0
        begin = {"rings_seen": came, "events_seen": came, column: max(came, up_to)}
        _, is_new = Attention.objects.get_or_create(user_id=actor.user_id, defaults=begin)
    if mine.filter(**{f"{column}__lt": up_to}).update(**{column: up_to}) or is_new:
        for wake in list(rings.on_change):
            wake()
