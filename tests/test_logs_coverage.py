"""Which recordings cover which viewings."""

import time
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from camera.models import Camera, Recording, Storage
from main.coverage import covering, recordings_of
from main.models import ViewingSession
from tests.footage_cast import looked, recorded


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.fixture
def noon() -> datetime:
    return timezone.now().replace(microsecond=0) - timedelta(hours=12)


@pytest.fixture
def porch(alice: User) -> Camera:
    return Camera.objects.create(name="Porch", slug="porch", kind="pattern", keeper=alice)


def test_what_overlaps_covers_oldest_first(bob: User, yard: Camera, porch: Camera, noon: datetime) -> None:
    row = looked(bob, yard, noon, 600)
    within = recorded(yard, noon + minutes(2), 60)
    before = recorded(yard, noon - minutes(2), 60)
    into = recorded(yard, noon - minutes(1), 90)
    out_of = recorded(yard, noon + minutes(9), 600)
    after = recorded(yard, noon + minutes(11), 60)
    other = recorded(porch, noon + minutes(2), 60)
    around = recorded(yard, noon - minutes(5), 3600)
    assert recordings_of([row]) == {row.pk: [around.pk, into.pk, within.pk, out_of.pk]}
    assert {before.pk, after.pk, other.pk}.isdisjoint(recordings_of([row])[row.pk])
    assert [one.started_at for one in covering([row])[row.pk]] == sorted(
        one.started_at for one in (around, into, within, out_of)
    )


def test_what_is_about_to_be_deleted_covers_nothing(bob: User, yard: Camera, noon: datetime) -> None:
    row = looked(bob, yard, noon)
    recorded(yard, noon, delete_requested_at=timezone.now())
    assert recordings_of([row]) == {row.pk: []}


def test_an_open_session_is_covered_until_now(bob: User, yard: Camera) -> None:
    now = timezone.now()
    row = looked(bob, yard, now - minutes(30), None)
    first = recorded(yard, now - minutes(20))
    going_on = recorded(yard, now - minutes(1), 0, state="open", ended_at=None)
    assert recordings_of([row]) == {row.pk: [first.pk, going_on.pk]}


def test_an_open_recording_covers_until_now_and_a_broken_one_as_far_as_its_video_goes(bob: User, yard: Camera) -> None:
    now = timezone.now()
    row = looked(bob, yard, now - minutes(5), 60)
    still_open = recorded(yard, now - minutes(10), 0, state="open", ended_at=None)
    recorded(yard, now - minutes(10), 30, state="interrupted", ended_at=None)
    assert recordings_of([row]) == {row.pk: [still_open.pk]}


def test_looking_back_is_about_that_recording_and_no_other(bob: User, yard: Camera, noon: datetime) -> None:
    film = recorded(yard, noon - timedelta(days=2))
    recorded(yard, noon)
    played = looked(bob, yard, noon, 0, transport="playback", recording=film, footage_at=film.started_at)
    taken = looked(bob, yard, noon, 0, transport="export", recording=film, footage_at=film.started_at)
    gone = looked(bob, yard, noon, 0, transport="export", footage_at=film.started_at)
    assert recordings_of([played, taken, gone]) == {played.pk: [film.pk], taken.pk: [film.pk], gone.pk: []}
    Recording.objects.filter(pk=film.pk).update(delete_requested_at=noon)
    assert recordings_of([played]) == {played.pk: []}


def test_a_camera_that_has_gone_keeps_its_own(bob: User, yard: Camera, porch: Camera, noon: datetime) -> None:
    row, film = looked(bob, yard, noon), recorded(yard, noon)
    recorded(porch, noon)
    yard.delete()
    porch.delete()
    row.refresh_from_db()
    assert recordings_of([row]) == {row.pk: [film.pk]}


def test_nothing_asked_is_nothing_read(bob: User, yard: Camera, noon: datetime) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert recordings_of([]) == {}
    assert len(asked) == 0


@pytest.mark.slow
def test_a_page_of_a_hundred_is_one_fast_query(bob: User, yard: Camera, porch: Camera, noon: datetime) -> None:
    storage = Storage.objects.create(path="/nowhere")
    Recording.objects.bulk_create(
        [
            Recording(
                camera=camera, camera_name=camera.name, camera_slug=camera.slug, storage=storage, uid=f"{n:08x}",
                file=f"recordings/{camera.slug}/{n}.mp4", state="closed", trigger="always", reasons=["always"],
                started_at=noon - minutes(n), ended_at=noon - minutes(n) + minutes(1), seconds=60,
            )
            for n, camera in ((n, (yard, porch)[n % 2]) for n in range(30_000))
        ],
        batch_size=1000,
    )  # fmt: skip
    rows = [looked(bob, (yard, porch)[n % 2], noon - minutes(200 * n + 10), 300) for n in range(100)]
    with CaptureQueriesContext(connection) as asked:
        # CPU time: SQLite works in this process, and other programs may be at work beside it.
        began = time.process_time()
        found = recordings_of(ViewingSession.objects.filter(pk__in=[row.pk for row in rows]))
        took = time.process_time() - began
    assert len(asked) == 2  # the sessions, and all their recordings
    assert took < 0.3, took
    assert all(2 <= len(pks) <= 4 for pks in found.values()) and len(found) == 100
