"""Web Push from end to end: an event in the database, the notifier, a push service that decrypts."""

import pytest

from accounts.models import User
from camera.models import Camera, Grant
from main.notify import keys
from main.notify_models import Channel
from tests.notify_kit import becomes, notifying, opened, rang, subscribed
from tests.peers.push_service import PushService

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_ring_reaches_the_browser(bob: User, yard: Camera, bob_watches: Grant) -> None:
    with PushService(key=keys.public_key()) as service, notifying():
        browser = service.browser()
        subscribed(bob, browser)
        event = rang(yard)
        (post,) = service.wait(1)
        sent = opened(browser, post.body)
        assert sent["title"] == "Yard: somebody rings"
        assert (sent["v"], sent["tag"], sent["url"]) == (1, f"ring-{event.pk}", f"/rings/{event.pk}/")
        assert [one["action"] for one in sent["actions"]] == ["look", "answer"]
        assert sent["image"] is None and sent["topic"] == "ring"
        assert post.headers["urgency"] == "high" and int(post.headers["ttl"]) >= 600
        assert post.headers["content-encoding"] == "aes128gcm" and not service.faults
        becomes("sent", event=event)
        assert Channel.objects.get().sent_at is not None
