"""The outbox: what is promised while targets, notifiers and rights come and go."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Grant
from main.notify import channels, claims, expanding, keeping
from main.notify.claims import Claim
from main.notify.jobs import Outcome, Result, again
from main.notify.making import NOT_ALLOWED, SWITCHED_OFF, job_of
from main.notify_models import Announcement, Channel, Delivery, NotifyChoice, Rule, Topic
from tests.notify_kit import rang, subscribed, told
from tests.peers.push_service import Browser


@pytest.fixture
def waiting(alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    """A ring for alice that is due now."""
    monkeypatch.setattr(expanding, "PATIENCE", dict.fromkeys(Topic, -1.0))
    channels.add(alice, "webhook", "hook", "http://127.0.0.1:9/", secret="s")
    rang(yard)
    expanding.expand()
    return Delivery.objects.get()


def claimed(token: str = "main-1") -> Claim:
    (claim,) = claims.claim_due([], token, 9)
    return claim


@pytest.mark.django_db
def test_a_message_is_one_notifiers(waiting: Delivery) -> None:
    claim = claimed("main-1")
    assert claims.claim_due([], "main-2", 9) == []
    # One that read the row before it was claimed comes too late.
    assert claims._claim([waiting], "main-2", timezone.now()) is None
    claims.finish(claim, Outcome(Result.SENT))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.tries, waiting.claimed_by) == ("sent", 1, "main-1")


@pytest.mark.django_db
def test_who_is_too_slow_has_lost_its_claim(waiting: Delivery) -> None:
    slow = claimed("main-1")
    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    other = claimed("main-2")
    claims.finish(slow, Outcome(Result.REFUSED, "nobody there"))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.claimed_by) == ("sending", "main-2")
    claims.finish(other, Outcome(Result.SENT))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error) == ("sent", "")


@pytest.mark.django_db
def test_a_notifier_that_starts_takes_back_what_its_name_held(waiting: Delivery) -> None:
    claimed("main-1")
    assert claims.release("other") == 0
    assert claims.release("main") == 1
    assert claimed("main-2").deliveries[0].tries == 2


@pytest.mark.django_db
def test_a_dead_target_is_tried_less_and_less_for_a_day(waiting: Delivery) -> None:
    waits = []
    for _ in range(7):
        claims.finish(claimed(), again("no answer in time"))
        waiting.refresh_from_db()
        waits.append(round((waiting.due_at - timezone.now()).total_seconds() / 5) * 5)
        Delivery.objects.update(due_at=timezone.now())
    assert waits == [5, 15, 60, 300, 900, 3600, 3600]
    assert waiting.state == "waiting" and Channel.objects.get().error == "no answer in time"
    Delivery.objects.update(made_at=timezone.now() - timedelta(hours=25))
    claims.finish(claimed(), again("no answer in time"))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error) == ("failed", "no answer in time")


@pytest.mark.django_db
def test_a_target_that_asks_for_time_gets_it(waiting: Delivery) -> None:
    claims.finish(claimed(), again("answered 429", 1000.0))
    waiting.refresh_from_db()
    assert 990 < (waiting.due_at - timezone.now()).total_seconds() <= 1000


@pytest.mark.django_db
def test_a_target_that_is_gone_gets_nothing_more(waiting: Delivery, yard: Camera) -> None:
    rang(yard)
    expanding.expand()
    claims.finish(claimed(), Outcome(Result.GONE, "answered 410"))
    assert set(Delivery.objects.values_list("state", "error")) == {("failed", "answered 410")}
    assert not Channel.objects.get().enabled
    rang(yard)
    expanding.expand()
    assert Delivery.objects.count() == 2


@pytest.mark.django_db
def test_what_failed_together_is_tried_together(alice: User, yard: Camera, waiting: Delivery) -> None:
    waiting.delete()
    told(yard, "spill")
    told(yard, "camera_offline", label="the camera does not answer")
    expanding.expand()
    claim = claimed()
    assert len(claim.deliveries) == 2 and claim.deliveries[0].topic == "spill"
    claims.finish(claim, again("no"))
    assert Delivery.objects.filter(state="waiting").values("due_at").distinct().count() == 1


@pytest.mark.django_db
def test_rings_of_long_ago_are_told_together_and_one_of_now_alone(yard: Camera, waiting: Delivery) -> None:
    for hours in (3, 2, 1):
        rang(yard, at=timezone.now() - timedelta(hours=hours))
    expanding.expand()
    assert [one.pk for one in claimed("main-1").deliveries] == [waiting.pk]
    assert len(claimed("main-2").deliveries) == 3


@pytest.mark.django_db
def test_rights_are_asked_once_more_before_it_is_sent(
    bob: User, yard: Camera, bob_watches: Grant, waiting: Delivery
) -> None:
    Delivery.objects.all().delete()
    channels.add(bob, "webhook", "bob", "http://127.0.0.1:9/b", secret="s")
    Channel.objects.exclude(user=bob).delete()
    rang(yard)
    expanding.expand()
    bob_watches.delete()
    assert job_of(claimed()) is None
    assert Delivery.objects.get().error == NOT_ALLOWED


@pytest.mark.django_db
def test_a_channel_that_was_switched_off_sends_nothing(waiting: Delivery) -> None:
    Channel.objects.update(enabled=False)
    assert job_of(claimed()) is None
    assert Delivery.objects.get().error == SWITCHED_OFF


@pytest.mark.django_db
def test_what_was_sealed_with_another_key_is_asked_for_again(waiting: Delivery, settings: Any) -> None:
    settings.SECRET_KEY = "another-key-of-the-house-9Xr4Tb6Np1Lc8Hd3J"
    assert job_of(claimed()) is None
    assert "another secret key" in Channel.objects.get().error and not Channel.objects.get().enabled


@pytest.mark.django_db
def test_a_browser_ends_with_its_log_in(alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expanding, "PATIENCE", dict.fromkeys(Topic, -1.0))
    subscribed(alice, Browser("http://127.0.0.1:9/x"))
    rang(yard)
    expanding.expand()
    claim = claimed()
    assert job_of(claim) is not None
    # Whoever changes the password ends every log-in.
    alice.set_password("another battery staple")
    alice.save()
    assert job_of(Claim(Channel.objects.select_related("user").get(), claim.deliveries, claim.token)) is None
    assert Channel.objects.get().error == "logged out there"


@pytest.mark.django_db
def test_a_browser_that_changes_hands_tells_only_its_new_person(alice: User, bob: User) -> None:
    browser = Browser("http://127.0.0.1:9/x")
    subscribed(alice, browser)
    subscribed(bob, browser)
    assert list(Channel.objects.values_list("user__username", flat=True)) == ["bob"]


@pytest.mark.django_db
def test_nothing_readable_of_an_address_lies_in_the_database(alice: User) -> None:
    channels.add(alice, "apprise", "chat", "tgram://123456:hidden-token/99", secret="also-hidden")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM main_channel")
        assert "hidden" not in str(cursor.fetchall())


@pytest.mark.django_db
def test_old_messages_are_removed_and_open_ones_stay(waiting: Delivery, settings: Any, tmp_path: Path) -> None:
    settings.RUN_DIR = tmp_path
    Delivery.objects.update(made_at=timezone.now() - timedelta(days=31))
    Announcement.objects.update(made_at=timezone.now() - timedelta(days=31))
    keeping.tidy()
    assert Delivery.objects.exists()
    Delivery.objects.update(state="sent")
    keeping.tidy()
    assert not Delivery.objects.exists() and not Announcement.objects.exists()


@pytest.mark.django_db
def test_a_clock_that_was_set_back_holds_nothing_up(waiting: Delivery) -> None:
    later = timezone.now() + timedelta(hours=1)
    Delivery.objects.update(made_at=later, due_at=later)
    assert claimed().deliveries == [waiting]


@pytest.mark.django_db
def test_a_rule_that_is_no_rule_spoils_only_its_own(
    alice: User, bob: User, yard: Camera, bob_watches: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expanding, "PATIENCE", dict.fromkeys(Topic, -1.0))
    for user in (alice, bob):
        channels.add(user, "email", "mail", f"{user.username}@example.org")
    NotifyChoice.objects.create(user=alice, own_rules=True)
    Rule.objects.create(user=alice, topics=["ring"], days=7)
    rang(yard)
    expanding.expand()
    assert list(Delivery.objects.values_list("channel__user__username", flat=True)) == ["bob"]


@pytest.mark.django_db
def test_pictures_are_for_those_who_may_look_back_and_want_them(
    alice: User, bob: User, yard: Camera, bob_watches: Grant
) -> None:
    for user in (alice, bob):
        channels.add(user, "email", "mail", f"{user.username}@example.org")
    event = rang(yard, image="events/yard/2026-11-22/ring_20261122_000000_aaaaaaaa.jpg")
    expanding.expand()
    jobs = {claim.channel.user.username: job_of(claim) for claim in claims.claim_due([], "main-1", 9)}
    assert {name: job and (job.message.picture_of, job.picture) for name, job in jobs.items()} == {
        "alice": (event.pk, event.picture_path()),
        "bob": (None, None),
    }
    claims.release("main")
    Delivery.objects.update(pictures=False)
    assert not any(job.picture for claim in claims.claim_due([], "main-2", 9) if (job := job_of(claim)))
