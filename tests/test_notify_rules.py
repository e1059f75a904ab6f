"""Who is told of what and when: rules, quiet hours, pace; by rows alone, no notifier runs."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from camera import ports
from camera.engine.outages import NOTHING_SENT
from camera.models import Camera, Event, Grant, Right
from main.notify import channels, claims, expanding
from main.notify.jobs import Outcome, Result
from main.notify.rules import quiet_until, within
from main.notify_models import BY_DEFAULT, Announcement, Channel, Delivery, NotifyChoice, Rule, Topic
from tests.notify_kit import rang, told

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Of that week, Monday 0."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("moment", "days", "begin", "end", "inside"),
    [
        (at(0, 12), [], None, None, True),
        (at(0, 12), [1], None, None, False),
        (at(0, 8), [], time(8), time(9), True),
        (at(0, 9), [], time(8), time(9), False),
        (at(0, 23), [], time(22), time(7), True),
        (at(0, 7), [], time(22), time(7), False),
        # The night from Friday to Saturday is Friday's.
        (at(5, 3), [4], time(22), time(7), True),
        (at(4, 3), [4], time(22), time(7), False),
        (at(0, 3), [6], time(22), time(7), True),
        (at(2, 15), [2], time(6), time(6), True),
    ],
)
def test_windows(moment: datetime, days: list[int], begin: time | None, end: time | None, inside: bool) -> None:
    assert within(moment, days, begin, end) is inside


def quiet(**values: Any) -> NotifyChoice:
    usual: dict[str, Any] = {"quiet_from": time(22), "quiet_to": time(7), "quiet_days": []}
    return NotifyChoice(**(usual | values))


def test_quiet_hours_end_in_the_morning() -> None:
    assert quiet_until(quiet(), "motion", at(0, 23)) == at(1, 7)
    assert quiet_until(quiet(), "motion", at(1, 6, 59)) == at(1, 7)
    assert quiet_until(quiet(), "motion", at(1, 7)) is None
    assert quiet_until(quiet(quiet_days=[0]), "motion", at(1, 23)) is None
    assert quiet_until(None, "motion", at(0, 23)) is None


def test_rings_come_through_quiet_hours_unless_they_may_not() -> None:
    assert quiet_until(quiet(), "ring", at(0, 23)) is None
    assert quiet_until(quiet(rings_anyway=False), "ring", at(0, 23)) == at(1, 7)


def test_days_that_are_quiet_throughout_follow_each_other() -> None:
    weekend = quiet(quiet_from=time(0), quiet_to=time(0), quiet_days=[5, 6])
    assert quiet_until(weekend, "motion", at(5, 12)) == at(7, 0)
    always = quiet(quiet_from=time(0), quiet_to=time(0))
    assert quiet_until(always, "motion", at(0, 12)) is not None


def mailed(user: User, name: str = "mail") -> Channel:
    return channels.add(user, "email", name, f"{name}@{user.username}.example.org")


@pytest.fixture
def ripe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for a picture or for others."""
    monkeypatch.setattr(expanding, "PATIENCE", {topic: -1.0 for topic in Topic})


def expand() -> set[tuple[str, str]]:
    """Who is told of what by everything announced so far."""
    expanding.expand()
    return set(Delivery.objects.values_list("channel__user__username", "topic"))


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_whoever_may_watch_is_told_of_rings_and_nobody_else(
    alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant
) -> None:
    for user in (alice, bob, charlie):
        mailed(user)
    rang(yard)
    assert expand() == {("alice", "ring"), ("bob", "ring")}


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_faults_of_the_house_are_the_owners(alice: User, bob: User) -> None:
    for user in (alice, bob):
        mailed(user)
    told(None, "system", label="disk_low")
    told(None, "system", label="storage_missing")
    assert expand() == {("alice", "disk_low"), ("alice", "system")}


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_each_fault_of_a_camera_has_its_topic(bob: User, yard: Camera, bob_watches: Grant) -> None:
    mailed(bob)
    told(yard, "camera_offline", label="the camera does not answer")
    told(yard, "camera_offline", label=NOTHING_SENT)
    told(yard, "spill")
    assert expand() == {("bob", "camera_offline"), ("bob", "sender_silent"), ("bob", "spill")}


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_motion_is_told_to_whoever_asked_and_may_look_back(
    alice: User, bob: User, yard: Camera, bob_watches: Grant
) -> None:
    for user in (alice, bob):
        mailed(user)
    told(yard)
    assert expand() == set()
    for user in (alice, bob):
        NotifyChoice.objects.create(user=user, own_rules=True)
        Rule.objects.create(user=user, topics=["motion", "person"])
    told(yard)
    rang(yard)
    # bob may watch, but not look back; and who has rules of their own is told by these alone.
    assert expand() == {("alice", "motion")}
    Grant.objects.create(camera=yard, user=bob, right=Right.PLAYBACK)
    told(yard, "person")
    assert expand() == {("alice", "motion"), ("alice", "person"), ("bob", "person")}


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_a_rule_is_about_its_cameras_channels_and_hours(alice: User, yard: Camera) -> None:
    wanted, other = mailed(alice, "a"), mailed(alice, "b")
    gate = Camera.objects.create(name="Gate", slug="gate", kind="pattern", keeper=alice)
    NotifyChoice.objects.create(user=alice, own_rules=True)
    Rule.objects.create(
        user=alice, topics=["motion"], cameras=[gate.pk], channels=[wanted.pk], from_time=time(8), to_time=time(9)
    )
    told(yard, at=at(0, 8, 30))
    told(gate, at=at(0, 10))
    right = told(gate, at=at(0, 8, 30))
    expand()
    assert list(Delivery.objects.values_list("event", "channel")) == [(right.pk, wanted.pk)]
    assert other.enabled


def test_screens_and_people_who_left_are_not_told(alice: User, bob: User, yard: Camera, bob_watches: Grant) -> None:
    mailed(bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    rang(yard)
    assert expand() == set()
    User.objects.filter(pk=bob.pk).update(is_active=True, role="kiosk")
    rang(yard)
    assert expand() == set()


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_an_event_that_is_being_deleted_is_told_to_nobody(alice: User, yard: Camera) -> None:
    mailed(alice)
    Event.objects.filter(pk=rang(yard).pk).update(delete_requested_at=timezone.now())
    assert expand() == set()
    assert not Announcement.objects.filter(expanded_at=None).exists()


@pytest.mark.django_db
def test_everybody_begins_with_the_same_topics() -> None:
    assert set(Topic) - set(BY_DEFAULT) == {Topic.PERSON, Topic.VEHICLE, Topic.ANIMAL, Topic.MOTION}


@pytest.mark.django_db
def test_an_event_is_announced_once_for_each_topic_it_comes_to_have(yard: Camera) -> None:
    event = told(yard)
    ports.on_event(event, False)
    event.kind = "person"
    ports.on_event(event, False)
    ports.on_event(event, False)
    assert list(Announcement.objects.values_list("event", "topic")) == [(event.pk, "motion"), (event.pk, "person")]


@pytest.mark.django_db
def test_what_ends_is_not_announced_for_the_first_time(yard: Camera) -> None:
    """An event from before there were announcements."""
    event = told(yard, "camera_offline", label="the camera does not answer")
    Announcement.objects.all().delete()
    ports.on_event(event, False)
    assert not Announcement.objects.exists()


@pytest.mark.django_db
def test_a_ring_waits_for_its_picture_a_moment(alice: User, yard: Camera) -> None:
    mailed(alice)
    event = rang(yard)
    wait = expanding.expand()
    assert wait is not None and 0 < wait <= 1.5 and not Delivery.objects.exists()
    Event.objects.filter(pk=event.pk).update(image="events/yard/x.jpg")
    assert expanding.expand() is None
    assert Delivery.objects.get().event == event


@pytest.mark.django_db
def test_a_ring_without_a_picture_is_told_in_time(alice: User, yard: Camera) -> None:
    mailed(alice)
    rang(yard)
    Announcement.objects.update(made_at=timezone.now() - timedelta(seconds=1.5))
    expanding.expand()
    assert Delivery.objects.exists()


def sent(minutes_ago: float) -> None:
    when = timezone.now() - timedelta(minutes=minutes_ago)
    Delivery.objects.update(state="sent", sent_at=when)


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_the_next_message_of_a_kind_waits_and_takes_the_others_along(alice: User, yard: Camera) -> None:
    mailed(alice)
    told(yard, "spill")
    expanding.expand()
    sent(2)
    first, second = told(yard, "spill"), told(yard, "spill")
    expanding.expand()
    due = [one.due_at for one in Delivery.objects.filter(event__in=[first, second])]
    assert due[0] == due[1] and 170 < (due[0] - timezone.now()).total_seconds() <= 180
    assert claims.claim_due([], "me", 9) == []
    Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
    (claim,) = claims.claim_due([], "me", 9)
    assert {one.event for one in claim.deliveries} == {first, second}
    claims.finish(claim, Outcome(Result.SENT))
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["grouped", "sent", "sent"]


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_after_its_minutes_it_is_told_at_once(alice: User, yard: Camera) -> None:
    mailed(alice)
    told(yard, "spill")
    expanding.expand()
    sent(5.1)
    told(yard, "spill")
    expanding.expand()
    assert Delivery.objects.get(state="waiting").due_at <= timezone.now()


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_rings_never_wait_for_each_other(alice: User, yard: Camera) -> None:
    mailed(alice)
    for events in ([rang(yard), rang(yard)], [rang(yard)]):
        expanding.expand()
        for event in events:
            (claim,) = claims.claim_due([], "me", 9)
            assert [one.event for one in claim.deliveries] == [event]
            claims.finish(claim, Outcome(Result.SENT))


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_several_cameras_that_go_at_once_are_one_message(alice: User, yard: Camera) -> None:
    mailed(alice)
    gate = Camera.objects.create(name="Gate", slug="gate", kind="pattern", keeper=alice)
    for camera in (yard, gate):
        told(camera, "camera_offline", label="the camera does not answer")
    expanding.expand()
    (claim,) = claims.claim_due([], "me", 9)
    assert len(claim.deliveries) == 2


@pytest.mark.usefixtures("ripe")
@pytest.mark.django_db
def test_quiet_hours_hold_everything_but_rings_back(alice: User, yard: Camera) -> None:
    mailed(alice)
    now = timezone.localtime()
    begin, end = (now - timedelta(hours=1)).time(), (now + timedelta(hours=1)).time()
    NotifyChoice.objects.create(user=alice, quiet_from=begin, quiet_to=end)
    spill, ring = told(yard, "spill"), rang(yard)
    expanding.expand()
    assert Delivery.objects.get(event=ring).due_at <= timezone.now()
    assert 3500 < (Delivery.objects.get(event=spill).due_at - timezone.now()).total_seconds() <= 3600
