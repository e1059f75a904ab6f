"""For tests of messages: a notifier in a thread of the test's own process, and what rings and reaches people."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils import timezone

from accounts.logins import name_of
from accounts.models import User
from camera import ports
from camera.models import Camera, Event, RingPress
from main.models import Attention, RingAnswer
from main.notify import channels, keys, service
from main.notify.service import Notifier
from main.notify.webpush import subscription
from main.notify_models import Announcement, Channel, Delivery, NotifyChoice, Rule
from tests.footage_cast import happened
from tests.house import wait_for
from tests.peers.push_service import Browser


def logged_in(user: User) -> str:
    """A log-in of that person; its session key."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def subscribed(user: User, browser: Browser) -> Channel:
    """That browser, in a log-in of its own."""
    return channels.subscribe(user, "Firefox", subscription(browser.subscription, True), name_of(logged_in(user)))


def rang(camera: Camera, at: datetime | None = None, **values: Any) -> Event:
    """Somebody rings: the event with its announcement, as the engine writes both."""
    return told(camera, kind="ring", at=at, **values)


def told(camera: Camera | None, kind: str = "motion", at: datetime | None = None, **values: Any) -> Event:
    begun = at or timezone.now()
    with transaction.atomic():
        if camera is not None:
            event = happened(camera, begun, **({"kind": kind, "ended_at": None} | values))
        else:
            uid = uuid.uuid4().hex[:8]
            event = Event.objects.create(kind=kind, uid=uid, started_at=begun, changed_at=begun, **values)
        ports.on_event(event, True)
    return event


@contextmanager
def notifying() -> Iterator[Notifier]:
    """A notifier that runs. In transactional tests alone: it has a connection of its own."""
    notifier = Notifier()

    def run() -> None:
        try:
            notifier.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    # No engine tells it here.
    usual, service.LOOK_EVERY = service.LOOK_EVERY, 0.1
    thread.start()
    try:
        yield notifier
    finally:
        service.LOOK_EVERY = usual
        notifier.end_soon()
        thread.join(20)
        assert not thread.is_alive()


def becomes(state: str, **which: Any) -> Delivery:
    """The one delivery of `which`, once it is in that state."""
    wait_for(lambda: Delivery.objects.filter(state=state, **which).exists(), 30, f"a delivery that is {state}")
    return Delivery.objects.get(state=state, **which)


def opened(browser: Browser, body: bytes) -> dict[str, Any]:
    found = browser.opened(body)
    assert len(json.dumps(found)) <= 3000
    return found


def ring_told(camera: Camera, user: User) -> Event:
    """A ring with a row in every table that it may come to have, answered and told to `user`."""
    event = rang(camera)
    RingPress.objects.create(event=event, camera=camera, at=event.started_at, way="key")
    RingAnswer.objects.create(event=event, user=user, user_name=user.username, text="Coming!")
    Attention.objects.create(user=user)
    NotifyChoice.objects.create(user=user)
    Rule.objects.create(user=user, topics=["ring"])
    keys.public_key()
    channel = channels.add(user, "email", "mail", f"{user.username}@example.org")
    told_of = Announcement.objects.get(event=event)
    Delivery.objects.create(
        channel=channel, announcement=told_of, event=event, topic="ring", due_at=timezone.now(), state="sent"
    )
    return event
