"""Rings as people meet them: who rings now, what was missed, and the answers."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from camera import bus
from camera.access import Actor, event_for, rights_on_lost
from camera.commands import EngineDownError, ask_engine
from camera.models import Camera, Event, Right, RingPress
from main.api.schemas import utc
from main.door_words import clean_reply
from main.models import Attention, RingAnswer

logger = logging.getLogger(__name__)

# Somebody who pressed the button this long ago may still stand there.
NOW = timedelta(seconds=120)
# Nobody presses on for longer, so older ones need not be looked at.
LONGEST = timedelta(days=1)
MOST = 100
# Of all, and of one person: nobody may use up what others have to say.
MOST_ANSWERS, MOST_OF_ONE = 40, 10
TELL_SECONDS = 1.0
# Called after an answer is committed or something was seen, from any thread: to wake, not to tell.
on_change: list[Callable[[], None]] = []


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring as one actor may know it. `last_at`: the last press. `picture`: whether they may see how it looked."""

    event: Event
    last_at: datetime
    presses: int
    answers: tuple[RingAnswer, ...]
    picture: bool = False

    @property
    def name(self) -> str:
        return self.event.camera.name if self.event.camera else self.event.camera_name

    @property
    def slug(self) -> str:
        return self.event.camera.slug if self.event.camera else self.event.camera_slug

    @property
    def is_now(self) -> bool:
        return self.last_at >= timezone.now() - NOW

    @property
    def first(self) -> RingAnswer | None:
        """The answer of whoever was first."""
        return self.answers[0] if self.answers else None


def rings_now(actor: Actor) -> list[Ring]:
    """The rings of the last 120 s, by their last press, on the cameras that `actor` may watch; newest first."""
    rings = rings_of(actor, _may_be_now(actor))
    return sorted((ring for ring in rings if ring.is_now), key=lambda ring: ring.last_at, reverse=True)


def missed(actor: Actor) -> list[Ring]:
    """The rings that nobody has answered or seen to, and `actor` has not seen; newest first, at most a hundred."""
    return rings_of(actor, missed_rows(actor).order_by("-pk")[:MOST])


def missed_rows(actor: Actor, unseen: Q | None = None) -> QuerySet[Event]:
    """The events of those that are over. `unseen`: what is after those they have seen, where that is known already."""
    begun = timezone.now() - NOW
    unseen = unseen_rings(actor) if unseen is None else unseen
    rows = Event.objects.allowed(actor, Right.WATCH).filter(unseen, kind=Event.Kind.RING, acknowledged_at=None)
    rows = rows.filter(Q(ended_at=None) | Q(ended_at__lt=begun), started_at__lt=begun)
    of_event = {"event": OuterRef("pk")}
    return rows.exclude(Exists(RingPress.objects.filter(**of_event, at__gte=begun))).exclude(
        Exists(RingAnswer.objects.filter(**of_event))
    )


def unseen_rings(actor: Actor) -> Q:
    """Those after what they have seen; whoever has never looked has missed nothing from before they came."""
    if actor.user_id is None:
        return Q(pk__in=[])
    seen = Attention.objects.filter(user_id=actor.user_id).values_list("rings_seen", flat=True).first()
    return Q(started_at__gte=came_at(actor.user_id)) if seen is None else Q(pk__gt=seen)


def came_at(user: int) -> datetime:
    return User.objects.filter(pk=user).values_list("date_joined", flat=True).first() or timezone.now()


def _may_be_now(actor: Actor) -> QuerySet[Event]:
    now = timezone.now()
    late = Q(ended_at=None) | Q(ended_at__gte=now - NOW) | Q(started_at__gte=now - NOW)
    rows = Event.objects.allowed(actor, Right.WATCH).filter(late, kind=Event.Kind.RING)
    return rows.filter(started_at__gte=now - LONGEST).order_by("-pk")[:MOST]


def rings_of(actor: Actor, rows: QuerySet[Event]) -> list[Ring]:
    """These events, which `actor` may know of, as rings; in the order of the rows."""
    told = told_rings(rows.select_related("camera"))
    shown = pictured(actor) if told else frozenset()
    return [replace(ring, picture=ring.event.camera_id in shown) for ring in told]


def told_rings(events: Iterable[Event]) -> list[Ring]:
    """These as rings whose pictures nobody may see; read them with their cameras."""
    found = list(events)
    ids = [event.pk for event in found]
    counts = RingPress.objects.filter(event__in=ids).order_by().values_list("event").annotate(Count("pk"), Max("at"))
    presses = {pk: (number, last) for pk, number, last in counts}
    answers: dict[int, list[RingAnswer]] = {}
    for one in RingAnswer.objects.filter(event__in=ids).order_by("pk"):
        answers.setdefault(one.event_id, []).append(one)
    return [_ring(event, presses.get(event.pk), answers.get(event.pk, [])) for event in found]


def _ring(event: Event, presses: tuple[int, datetime] | None, answers: list[RingAnswer]) -> Ring:
    number, last = presses or (1, event.ended_at or event.started_at)
    return Ring(event, last, number, tuple(answers))


def pictured(actor: Actor) -> frozenset[int | None]:
    """The cameras whose rings `actor` may see pictures of; with None, those that are gone too. No screen of the house
    shows any."""
    if actor.role == Role.KIOSK:
        return frozenset()
    cameras = Camera.objects.allowed(actor, Right.PLAYBACK).order_by().values_list("pk", flat=True)
    lost = {None} if Right.PLAYBACK in rights_on_lost(actor) else set()
    return frozenset({*cameras, *lost})


def ring_for(actor: Actor, pk: int) -> Event:
    """The event of a ring, for one who may watch its camera. Raises Http404 and PermissionDenied as event_for does."""
    found = event_for(actor, pk, Right.WATCH) if 0 < pk < 2**63 else None
    if found is None or found.kind != Event.Kind.RING:
        raise Http404("No such ring.")
    return found


def ring_of(actor: Actor, event: Event) -> Ring:
    """The newest state of it."""
    return replace(told_rings([event])[0], picture=event.camera_id in pictured(actor))


def answer(actor: Actor, event: Event, text: str) -> RingAnswer:
    """`actor` answers; the first one is who has seen to it. `text` is shown and spoken at the door, unless it is empty.

    Raises ValidationError for a text that is none, PermissionDenied for who is nobody of the house, and Http404.
    """
    text = clean_reply(text)
    if actor.user_id is None or actor.role == Role.KIOSK:
        raise PermissionDenied("People of the house answer a ring.")
    with transaction.atomic():
        # Locked, so that of two who answer at once one is the first.
        row = Event.objects.select_for_update().filter(pk=event.pk, delete_requested_at=None).first()
        if row is None:
            raise Http404("No such ring.")
        if row.answers.count() >= MOST_ANSWERS:
            raise ValidationError("This ring has been answered often enough.")
        if row.answers.filter(user_id=actor.user_id).count() >= MOST_OF_ONE:
            raise ValidationError("You have answered this ring often enough.")
        made = RingAnswer.objects.create(event=row, user_id=actor.user_id, user_name=actor.name, text=text)
        if row.acknowledged_at is None and actor.role in (Role.OWNER, Role.MEMBER):
            row.acknowledged_at, row.acknowledged_by = made.at, actor.name
            row.save(update_fields=["acknowledged_at", "acknowledged_by"])
    transaction.on_commit(lambda: _tell(event.pk))
    return made


def _tell(pk: int) -> None:
    """Everybody's feed is to look: this process' at once, the others' by the engine's word, else at their next look."""
    for wake in list(on_change):
        wake()
    endpoint = bus.endpoints(settings.RUN_DIR, settings.ENGINE_NAME).commands
    try:
        ask_engine(endpoint, "tell", {"event": pk}, seconds=TELL_SECONDS)
    except EngineDownError:
        logger.info("the engine is down: others hear of an answer a little later")


def as_json(ring: Ring) -> dict[str, Any]:
    """As pages, screens and programs get it; times in ISO 8601, UTC."""
    return {
        "id": ring.event.pk,
        "camera": ring.slug,
        "name": ring.name,
        "started_at": utc(ring.event.started_at),
        "last_at": utc(ring.last_at),
        "presses": ring.presses,
        "image": reverse("event_image", args=[ring.event.pk]) if ring.picture and ring.event.image else None,
        "answers": answers_json(ring),
    }


def answered_json(ring: Ring, made: RingAnswer) -> dict[str, Any]:
    """What whoever gave the answer `made` is told."""
    first = ring.first or made
    return {"first": first.pk == made.pk, "answered_by": first.user_name, "answers": answers_json(ring)}


def answers_json(ring: Ring) -> list[dict[str, Any]]:
    return [{"by": one.user_name, "text": one.text, "at": utc(one.at)} for one in ring.answers]
