"""The notifier at work, in a thread of the test: targets that hang, fail, are slow or come back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.models import User
from camera.models import Camera
from main.notify import channels, claims, keys, messages, service
from main.notify_models import Announcement, Channel, Delivery
from tests.notify_kit import becomes, notifying, rang, subscribed
from tests.peers.mail_server import MailServer
from tests.peers.push_service import PushService


@pytest.fixture
def hooks(alice: User) -> Iterator[tuple[PushService, PushService]]:
    """Two webhooks of alice: the first hangs, the second answers."""
    with PushService(lambda post: None) as hanging, PushService(lambda post: 200) as good:
        for name, target in (("hanging", hanging), ("good", good)):
            channels.add(alice, "webhook", name, target.origin + "/", secret="s")
        yield hanging, good


@pytest.mark.django_db(transaction=True)
def test_a_target_that_hangs_delays_no_other(hooks: tuple[PushService, PushService], yard: Camera) -> None:
    hanging, good = hooks
    with notifying():
        for number in range(1, 4):
            rang(yard)
            good.wait(number)
        hanging.wait(1)
        wait_states = set(Delivery.objects.filter(channel__name="good").values_list("state", flat=True))
        assert wait_states <= {"sent", "sending"}
        # One at a time: the others wait behind the one that hangs.
        assert len(hanging.posts) == 1
        hanging.__exit__(None, None, None)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_target_that_was_down_gets_everything_once(
    alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BACKOFF", (0.3,))
    with PushService() as first:
        port = first.port
    channels.add(alice, "webhook", "hook", f"http://127.0.0.1:{port}/", secret="s")
    with notifying():
        event = rang(yard)
        becomes("waiting", event=event, tries__gte=2)
        with PushService(lambda post: 200, port=port) as back:
            back.wait(1)
            becomes("sent", event=event)
            another = rang(yard)
            becomes("sent", event=another)
            assert len(back.posts) == 2
    assert Channel.objects.get().error == ""


@pytest.mark.django_db(transaction=True)
def test_a_browser_that_unsubscribed_is_not_asked_again(alice: User, yard: Camera) -> None:
    with PushService(lambda post: 410, key=keys.public_key()) as service, notifying():
        subscribed(alice, service.browser())
        becomes("failed", event=rang(yard))
        assert not Channel.objects.get().enabled and not service.faults


@pytest.mark.django_db(transaction=True)
def test_a_trial_goes_out_and_another_only_after_it(alice: User) -> None:
    with PushService(lambda post: 200) as target:
        channel = channels.add(alice, "webhook", "hook", target.origin, secret="s")
        assert channels.try_out(channel) and not channels.try_out(channel)
        with notifying():
            becomes("sent", channel=channel)
        assert channels.try_out(channel)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_happened_while_no_notifier_ran_is_told_by_the_next(alice: User, yard: Camera) -> None:
    with PushService(lambda post: 200) as target:
        channels.add(alice, "webhook", "hook", target.origin, secret="s")
        event = rang(yard, at=timezone.now() - timedelta(hours=1))
        with notifying():
            becomes("sent", event=event)
        assert b"somebody rang" in target.wait(1)[0].body
        with notifying():
            other = rang(yard)
            becomes("sent", event=other)
        assert len(target.posts) == 2
    assert not Announcement.objects.filter(expanded_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_busy_holds_messages_up_and_loses_none(
    alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [OperationalError("database is locked")] * 2

    def locked(*arguments: object) -> object:
        if faults:
            raise faults.pop()
        return expand()

    expand = service.expand
    monkeypatch.setattr(service, "expand", locked)
    with PushService(lambda post: 200) as target, notifying():
        channels.add(alice, "webhook", "hook", target.origin, secret="s")
        becomes("sent", event=rang(yard))
        assert not faults and len(target.posts) == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_slow_mail_server_gets_its_mail(alice: User, yard: Camera, settings: Any) -> None:
    with MailServer(slow=0.2) as server, notifying():
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        channels.add(alice, "email", "mail", "alice@example.org")
        becomes("sent", event=rang(yard))
        (mail,) = server.wait(1)
        assert "Yard: somebody rings" in mail["Subject"]


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_worded_does_not_keep_the_rest(
    alice: User, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PushService(lambda post: 200) as target:
        channels.add(alice, "webhook", "hook", target.origin, secret="s")
        odd = rang(yard)
        with monkeypatch.context() as patched, notifying():
            patched.setattr(messages, "facts", lambda told: 1 / 0)
            becomes("failed", event=odd)
        with notifying():
            becomes("sent", event=rang(yard))
