"""The feed behind /ws/events/: bounded for slow listeners, and quiet while nobody listens."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from camera.live.feed import Bell
from camera.models import Camera, Event
from main import event_feed
from main.actors import Login
from main.event_feed import EventFeed, Listener, Told
from tests.footage_cast import happened

NOW = timezone.now()


def run(work: Coroutine[Any, Any, Any]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def told(pk: int, text: str = "") -> Told:
    return Told(pk, NOW, 1, text)


def test_a_slow_listener_keeps_the_newest_state_of_each_event_and_never_grows() -> None:
    listener = Listener(Login(), Bell())
    for turn in range(50):
        listener.put(told(7, str(turn)))
    assert [one.text for one in listener.pending.values()] == ["49"]
    for pk in range(1000):
        listener.put(told(pk))
    assert len(listener.pending) == event_feed.MOST_PENDING
    first = listener.take()
    assert first is not None
    assert first.pk == 1000 - event_feed.MOST_PENDING


@pytest.mark.django_db(transaction=True)
def test_each_state_is_told_once_however_often_it_is_looked(yard: Camera) -> None:
    async def work() -> None:
        feed, listener = EventFeed(), Listener(Login(), Bell())
        await asyncio.to_thread(happened, yard, timezone.now())
        await feed.attach(listener)
        row = await asyncio.to_thread(lambda: happened(yard, timezone.now()))
        for _ in range(3):
            await feed.look()
        assert list(listener.pending) == [row.pk]
        listener.pending.clear()
        await asyncio.to_thread(Event.objects.filter(pk=row.pk).update, changed_at=timezone.now())
        await feed.look()
        await feed.look()
        assert list(listener.pending) == [row.pk]
        feed.detach(listener)

    run(work())


@pytest.mark.django_db(transaction=True)
def test_a_clock_set_back_hides_nothing(yard: Camera) -> None:
    async def work() -> None:
        feed, listener = EventFeed(), Listener(Login(), Bell())
        await feed.attach(listener)
        ahead = timezone.now() + timedelta(hours=1)
        first = await asyncio.to_thread(lambda: happened(yard, ahead))
        await feed.look()
        second = await asyncio.to_thread(lambda: happened(yard, timezone.now()))
        await feed.look()
        assert list(listener.pending) == [first.pk, second.pk]
        feed.detach(listener)

    run(work())


@pytest.mark.django_db(transaction=True)
def test_what_is_to_be_deleted_is_not_told(yard: Camera) -> None:
    async def work() -> None:
        feed, listener = EventFeed(), Listener(Login(), Bell())
        await feed.attach(listener)
        await asyncio.to_thread(lambda: happened(yard, timezone.now(), delete_requested_at=timezone.now()))
        await feed.look()
        assert not listener.pending
        feed.detach(listener)

    run(work())


@pytest.mark.django_db(transaction=True)
def test_nothing_is_read_while_nobody_listens(yard: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[object] = []
    read = event_feed.changed_rows
    monkeypatch.setattr(event_feed, "changed_rows", lambda *asked: reads.append(asked) or read(*asked))

    async def work() -> None:
        feed, listener = EventFeed(), Listener(Login(), Bell())
        await feed.attach(listener)
        feed.detach(listener)
        before = len(reads)
        for _ in range(5):
            feed.wake()
            await asyncio.sleep(0.05)
        assert len(reads) == before == 1

    run(work())
