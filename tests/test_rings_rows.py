"""Who rings now, what was missed, who answers: main/rings.py and main/attention.py."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiToken, Role, User
from camera.access import ANONYMOUS
from camera.models import Camera, Event, Grant, Right
from main import attention, rings
from main.actors import token_actor, user_actor
from main.attention import Badge, badge
from main.models import Attention, RingAnswer
from tests.footage_cast import happened
from tests.ring_cast import pressed, ringing


@pytest.fixture(autouse=True)
def _here_for_long(db: None, request: pytest.FixtureRequest) -> None:
    """Everybody of the cast has been in the house for a day, and no engine is asked."""
    for name in ("alice", "bob", "charlie"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    User.objects.update(date_joined=timezone.now() - timedelta(days=1))


def pks(found: list[rings.Ring]) -> list[int]:
    return [ring.event.pk for ring in found]


def test_now_are_those_begun_or_pressed_within_two_minutes(alice: User, bob: User, yard: Camera) -> None:
    actor = user_actor(alice)
    fresh = ringing(yard, ago=5)
    ringing(yard, ago=130)
    # Began ten minutes ago, and somebody still presses.
    long = ringing(yard, ago=600, ended_at=None)
    pressed(long, timezone.now() - timedelta(seconds=60))
    happened(yard, timezone.now())
    found = rings.rings_now(actor)
    assert pks(found) == [fresh.pk, long.pk]
    assert [ring.presses for ring in found] == [1, 2]
    assert rings.rings_now(user_actor(bob)) == rings.rings_now(ANONYMOUS) == []


def test_without_presses_its_own_times_count(alice: User, yard: Camera) -> None:
    now = timezone.now()
    row = happened(yard, now - timedelta(seconds=10), kind="ring", ended_at=None, changed_at=now)
    (ring,) = rings.rings_now(user_actor(alice))
    assert (ring.last_at, ring.presses) == (row.started_at, 1)


def test_pictures_only_for_those_who_may_look_back(alice: User, bob: User, yard: Camera, bob_watches: Grant) -> None:
    ringing(yard, image="events/yard/x.jpg")
    told = {user.username: rings.as_json(rings.rings_now(user_actor(user))[0]) for user in (alice, bob)}
    assert told["alice"]["image"] and told["bob"]["image"] is None
    assert list(told["bob"]) == ["id", "camera", "name", "started_at", "last_at", "presses", "image", "answers"]
    screen = User.objects.create_user("screen", role=Role.KIOSK)
    for right in (Right.WATCH, Right.PLAYBACK):
        Grant.objects.create(camera=yard, user=screen, right=right)
    assert rings.as_json(rings.rings_now(user_actor(screen))[0])["image"] is None


def test_a_ring_is_for_who_may_watch(alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant) -> None:
    row, motion = ringing(yard), happened(yard, timezone.now())
    for user in (alice, bob):
        assert rings.ring_for(user_actor(user), row.pk) == row
    for actor, pk in ((user_actor(charlie), row.pk), (ANONYMOUS, row.pk), (user_actor(alice), motion.pk)):
        with pytest.raises(Http404):
            rings.ring_for(actor, pk)
    for odd in (0, -1, 2**63, 10**30):
        with pytest.raises(Http404):
            rings.ring_for(user_actor(alice), odd)
    Grant.objects.create(camera=yard, user=charlie, right=Right.LOG)
    with pytest.raises(PermissionDenied):
        rings.ring_for(user_actor(charlie), row.pk)


def test_the_first_to_answer_has_seen_to_it(alice: User, bob: User, yard: Camera, bob_watches: Grant) -> None:
    row = ringing(yard)
    first = rings.answer(user_actor(bob), row, "  Coming!  ")
    second = rings.answer(user_actor(alice), row, "")
    ring = rings.ring_of(user_actor(alice), row)
    assert [(one.user_name, one.text) for one in ring.answers] == [("bob", "Coming!"), ("alice", "")]
    assert rings.answered_json(ring, first)["first"] and not rings.answered_json(ring, second)["first"]
    assert rings.answered_json(ring, second)["answered_by"] == "bob"
    row.refresh_from_db()
    assert row.acknowledged_by == "bob"
    # What bob has said stays when he goes.
    bob.delete()
    assert rings.ring_of(user_actor(alice), row).answers[0].user_name == "bob"


@pytest.mark.parametrize("text", ["x" * 201, "two\nlines", "bell\x07", "half \ud83d", "a\u2028b", "\u202edrawkcab"])
def test_what_cannot_be_said_is_refused(text: str, alice: User, yard: Camera) -> None:
    row = ringing(yard)
    with pytest.raises(ValidationError):
        rings.answer(user_actor(alice), row, text)
    assert not RingAnswer.objects.exists()


def test_nobody_else_answers_and_none_too_often(
    alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    row = ringing(yard)
    screen = User.objects.create_user("screen", role=Role.KIOSK)
    for actor in (user_actor(screen), ANONYMOUS):
        with pytest.raises(PermissionDenied):
            rings.answer(actor, row, "Hello")
    monkeypatch.setattr(rings, "MOST_ANSWERS", 1)
    asked: list[tuple[str, Any]] = []
    monkeypatch.setattr(rings, "ask_engine", lambda at, name, body, seconds: asked.append((name, body)))
    with django_capture_on_commit_callbacks(execute=True):
        rings.answer(user_actor(alice), row, "Hello")
    assert asked == [("tell", {"event": row.pk})]
    with pytest.raises(ValidationError):
        rings.answer(user_actor(alice), row, "Hello")
    row.delete_requested_at = timezone.now()
    row.save()
    with pytest.raises(Http404):
        rings.answer(user_actor(alice), row, "Hello")


def test_nobody_uses_up_what_others_have_to_say(alice: User, bob: User, yard: Camera, bob_watches: Grant) -> None:
    row = ringing(yard)
    for _ in range(rings.MOST_OF_ONE):
        rings.answer(user_actor(bob), row, "Hello")
    with pytest.raises(ValidationError):
        rings.answer(user_actor(bob), row, "Hello")
    assert rings.answer(user_actor(alice), row, "I am coming").text == "I am coming"


def test_missed_is_what_nobody_answered_until_it_is_seen(
    alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant
) -> None:
    old = ringing(yard, ago=90_000)
    missed = ringing(yard, ago=600)
    RingAnswer.objects.create(event=ringing(yard, ago=500), user=alice, user_name="alice")
    ringing(yard, ago=400, acknowledged_at=timezone.now())
    ringing(yard, ago=30)
    still = ringing(yard, ago=700, ended_at=None)
    pressed(still, timezone.now())
    for user in (alice, bob):
        assert pks(rings.missed(user_actor(user))) == [missed.pk], old
    assert rings.missed(user_actor(charlie)) == rings.missed(ANONYMOUS) == []
    attention.see_rings(user_actor(bob), missed.pk)
    assert rings.missed(user_actor(bob)) == []
    assert pks(rings.missed(user_actor(alice))) == [missed.pk]
    # Told of late, it is new all the same.
    late = ringing(yard, ago=80_000)
    assert pks(rings.missed(user_actor(bob))) == [late.pk]
    # Seen is never taken back, nor goes beyond what there is.
    attention.see_rings(user_actor(bob), 10**12)
    attention.see_rings(user_actor(bob), 1)
    assert Attention.objects.get(user=bob).rings_seen == late.pk


def test_the_badge_counts_what_is_no_motion_and_ends_at_the_events_page(
    alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant, client_of: Any
) -> None:
    now = timezone.now()
    Event.objects.bulk_create(
        Event(camera=yard, uid=f"{n:08x}", kind=kind, started_at=now, changed_at=now)
        for n, kind in enumerate(Event.Kind.values)
    )
    # One's own work is no news.
    happened(yard, now, kind="spill", acknowledged_by="alice", acknowledged_at=now)
    assert badge(user_actor(alice)) == Badge(0, 7)
    assert badge(user_actor(bob)) == badge(user_actor(charlie)) == badge(ANONYMOUS) == Badge()
    browser = client_of(alice)
    assert "7 new events" in browser.get("/settings/").content.decode()
    for path in ("/events/?part=list", "/recordings/"):
        browser.get(path)
    browser.head("/events/")
    assert badge(user_actor(alice)).unseen == 7
    browser.get("/events/")
    assert badge(user_actor(alice)) == Badge(0, 0)
    happened(yard, now, kind="person")
    assert badge(user_actor(alice)) == Badge(0, 1)


def test_a_token_sees_what_its_scopes_leave_and_marks_nothing_seen(alice: User, yard: Camera) -> None:
    ringing(yard, ago=600, image="events/yard/x.jpg")
    actor, _ = token_actor(f"Bearer {ApiToken.objects.issue(alice, 'TV', ['watch'])[1]}")
    (ring,) = rings.missed(actor)
    assert not ring.picture
    attention.see_rings(actor, ring.event.pk)
    assert not Attention.objects.exists()
    nothing, _ = token_actor(f"Bearer {ApiToken.objects.issue(alice, 'none', ['log'])[1]}")
    assert rings.missed(nothing) == rings.rings_now(nothing) == []


def test_many_are_capped_and_take_few_queries(alice: User, yard: Camera) -> None:
    now = timezone.now()
    old = now - timedelta(hours=1)
    Event.objects.bulk_create(
        Event(camera=yard, uid=f"{n:08x}", kind="ring", started_at=old, ended_at=old, changed_at=old)
        for n in range(130)
    )
    with CaptureQueriesContext(connection) as asked:
        found = badge(user_actor(alice))
    assert found == Badge(100, 100) and found.words == "99+ missed rings, 99+ new events" and found.figure == "99+"
    assert len(asked) <= 4
    with CaptureQueriesContext(connection) as asked:
        assert len(rings.missed(user_actor(alice))) == 100
    assert len(asked) <= 7
