"""What is not done while there is nothing to do: looks at an unchanged database, and turns of the server's loop."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest
import uvicorn
from django.db import OperationalError, connection, connections, transaction

from camera.engine.news import WhenNew
from main.management.commands import web
from main.models import SiteSettings


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Job:
    def __init__(self, work: Callable[[], object] = lambda: None) -> None:
        self.work, self.done, self.clock = work, 0, Clock()
        self.when_new = WhenNew(self, 10.0, self.clock)

    def __call__(self) -> object:
        self.done += 1
        return self.work()

    def times(self, calls: int = 1) -> int:
        """How often it is done in so many calls."""
        before = self.done
        for _ in range(calls):
            self.when_new()
        return self.done - before


def write(name: str = "a house") -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"site_name": name})


def elsewhere(work: Callable[[], object]) -> None:
    """By another connection."""

    def run() -> None:
        work()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases cannot tell")


@sqlite
@pytest.mark.django_db(transaction=True)
def test_a_job_is_left_out_until_somebody_writes() -> None:
    job = Job()
    assert job.times(5) == 1
    elsewhere(write)
    assert job.times(5) == 1
    write("another house")
    assert job.times(5) == 1
    elsewhere(SiteSettings.objects.first)
    assert SiteSettings.objects.get().site_name == "another house" and job.times(5) == 0


@sqlite
@pytest.mark.django_db(transaction=True)
def test_what_is_written_and_not_yet_committed_is_news_when_it_is() -> None:
    job, begun, go_on = Job(), threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            write()
            begun.set()
            go_on.wait(5)

    assert job.times(2) == 1
    thread = threading.Thread(target=elsewhere, args=(slowly,))
    thread.start()
    begun.wait(5)
    assert job.times(2) == 0
    go_on.set()
    thread.join()
    assert job.times(2) == 1


@sqlite
@pytest.mark.django_db(transaction=True)
def test_what_the_job_writes_itself_makes_it_look_again() -> None:
    job = Job(lambda: write(f"house {job.done}") if job.done < 3 else None)
    assert job.times(10) == 3


@sqlite
@pytest.mark.django_db(transaction=True)
def test_time_alone_is_a_reason_as_well() -> None:
    job = Job()
    assert job.times(3) == 1
    job.clock.now += 9.9
    assert job.times(3) == 0
    job.clock.now += 0.2
    assert job.times(3) == 1


@sqlite
@pytest.mark.django_db(transaction=True)
def test_a_job_that_failed_has_not_been_done() -> None:
    def fail() -> None:
        raise OperationalError("database is locked")

    job = Job(fail)
    for _ in range(3):
        with pytest.raises(OperationalError):
            job.when_new()
    job.work = lambda: None
    assert job.done == 3 and job.times(3) == 1


@sqlite
@pytest.mark.django_db(transaction=True)
def test_a_new_connection_knows_nothing_of_the_old_one() -> None:
    job = Job()
    assert job.times(2) == 1
    connection.close()
    assert job.times(2) == 1


def server() -> web.HouseServer:
    async def application(scope: object, receive: object, send: object) -> None: ...

    return web.HouseServer(uvicorn.Config(application, log_config=None))  # type: ignore[arg-type]


def test_the_server_looks_once_a_second_and_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "TICK_SECONDS", 30.0)
    one, ticks = server(), 0
    usual = one.on_tick

    async def on_tick(counter: int) -> bool:
        nonlocal ticks
        ticks += 1
        return await usual(counter)

    monkeypatch.setattr(one, "on_tick", on_tick)

    async def run() -> float:
        looping = asyncio.create_task(one.main_loop())
        await asyncio.sleep(0.3)
        assert ticks == 1
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(looping, 5)
        return time.monotonic() - began

    before = signal.signal(signal.SIGTERM, one.handle_exit)
    try:
        assert asyncio.run(run()) < 1.0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ticks == 2 and one.should_exit


def test_a_word_before_the_loop_turns_is_heard_too() -> None:
    one = server()
    one.handle_exit(signal.SIGTERM, None)
    asyncio.run(asyncio.wait_for(one.main_loop(), 5))
