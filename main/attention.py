"""What somebody has seen already, and how much waits for them: the figure at the bell."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Max, Q
from django.utils import timezone

from accounts.models import Role
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
        missed = _many(self.missed, "missed ring", "missed rings") if self.missed else ""
        return ", ".join(filter(None, (missed, self.unseen_words)))

    @property
    def figure(self) -> str:
        """What stands at the bell: rings before events."""
        return figure(self.missed or self.unseen)

    @property
    def unseen_words(self) -> str:
        return _many(self.unseen, "new event", "new events") if self.unseen else ""

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
    seen = Attention.objects.filter(user_id=actor.user_id).values_list("rings_seen", "events_seen").first()
    came = Q(started_at__gte=rings.came_at(actor.user_id)) if seen is None else Q()
    missed, unseen = (Q(pk__gt=seen[0]), Q(pk__gt=seen[1])) if seen is not None else (came, came)
    rows = Event.objects.allowed(actor, Right.PLAYBACK).filter(unseen, kind__in=sorted(COUNTED))
    # What they have seen to themselves is no news to them.
    late = rows.filter(started_at__gte=timezone.now() - OLDEST).exclude(acknowledged_by=actor.name).order_by()
    return Badge(rings.missed_rows(actor, missed).order_by()[:MOST].count(), late[:MOST].count())


def see_rings(actor: Actor, up_to: int) -> None:
    """`actor` has seen the rings up to that id, which never goes back; nor beyond what there is."""
    _see(actor, "rings_seen", min(up_to, _newest()))


def see_events(actor: Actor) -> None:
    """`actor` has seen every event there is. Writes only when there is a newer one."""
    _see(actor, "events_seen", _newest())


def _newest() -> int:
    return Event.objects.aggregate(newest=Max("pk"))["newest"] or 0


def _see(actor: Actor, column: str, up_to: int) -> None:
    if actor.kind != "user" or actor.user_id is None:
        return
    mine = Attention.objects.filter(user_id=actor.user_id)
    is_new = False
    if not mine.exists():
        # The other column begins where it would without a row.
        came = (
            Event.objects.filter(started_at__lt=rings.came_at(actor.user_id)).aggregate(newest=Max("pk"))["newest"] or 0
        )
        begin = {"rings_seen": came, "events_seen": came, column: max(came, up_to)}
        _, is_new = Attention.objects.get_or_create(user_id=actor.user_id, defaults=begin)
    if mine.filter(**{f"{column}__lt": up_to}).update(**{column: up_to}) or is_new:
        for wake in list(rings.on_change):
            wake()
