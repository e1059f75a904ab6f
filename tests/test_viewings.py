"""Viewing sessions: when one begins, goes on and ends, with clocks passed in; and what of it stands in the log."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.devices import device_words
from accounts.models import ApiToken, User
from camera.access import Actor
from camera.models import Camera, Grant
from main import viewings
from main.actors import Login
from main.models import LogLine, ViewingSession
from main.viewings import (
    ENDED_AT_ONCE,
    Seen,
    Transport,
    Visitor,
    end_unseen,
    join,
    names_watching,
    write_left,
    write_seen,
)
from main.watchers import keep_or_reopen
from tests.footage_cast import looked

ClientOf = Callable[[User | None], Client]


def visitor(user: User, key: str = "log-in one") -> Visitor:
    return Visitor(
        Actor("user", user.pk, user.role, user.username, key), Login(session_key=key), "192.0.2.7", "Firefox"
    )


def after(row: ViewingSession, seconds: float) -> datetime:
    return row.started_at + timedelta(seconds=seconds)


def log() -> list[tuple[str, str, str]]:
    return list(LogLine.objects.order_by("pk").values_list("what", "user_name", "camera_name"))


def test_an_opening_is_a_row_and_a_log_line(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.PAGE)
    row.refresh_from_db()
    assert (row.user, row.user_name, row.camera, row.camera_name, row.camera_slug) == (bob, "bob", yard, "Yard", "yard")
    assert (row.transport, row.address, row.device, row.ended_at, row.left_at) == (
        "page",
        "192.0.2.7",
        "Firefox",
        None,
        None,
    )
    line = LogLine.objects.get()
    assert (line.what, line.user_id, line.camera_id, line.viewing_id, line.at) == (
        "opened",
        bob.pk,
        yard.pk,
        row.pk,
        row.started_at,
    )
    assert line.details == {"transport": "page", "address": "192.0.2.7", "device": "Firefox"}


def test_a_row_without_its_log_line_is_not_kept(bob: User, yard: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the log cannot be written")

    monkeypatch.setattr(LogLine, "append", broken)
    with pytest.raises(RuntimeError):
        join(visitor(bob), yard, "page", Transport.PAGE)
    assert not ViewingSession.objects.exists()


def test_the_same_page_joins_its_session(bob: User, yard: Camera) -> None:
    first = join(visitor(bob), yard, "page", Transport.PAGE)
    write_left([(Seen(first.pk), timezone.now())])
    again = join(visitor(bob), yard, "page", Transport.WEBSOCKET)
    assert again.pk == first.pk and again.left_at is None
    assert again.transport == ViewingSession.objects.get().transport == "websocket"
    assert log() == [("opened", "bob", "Yard")]


@pytest.mark.parametrize("other", ["page", "log-in", "camera", "no page"])
def test_anything_else_is_another_session(other: str, bob: User, yard: Camera) -> None:
    porch = Camera.objects.create(name="Porch", slug="porch", kind="pattern")
    first = join(visitor(bob), yard, "" if other == "no page" else "page", Transport.PAGE)
    second = {
        "page": lambda: join(visitor(bob), yard, "another page", Transport.PAGE),
        "log-in": lambda: join(visitor(bob, "log-in two"), yard, "page", Transport.PAGE),
        "camera": lambda: join(visitor(bob), porch, "page", Transport.PAGE),
        "no page": lambda: join(visitor(bob), yard, "", Transport.MJPEG),
    }[other]()
    assert second.pk != first.pk
    assert ViewingSession.objects.filter(ended_at=None).count() == 2


def test_a_forged_page_id_does_not_join_another_persons_session(bob: User, charlie: User, yard: Camera) -> None:
    mine = join(visitor(bob), yard, "bobs-page", Transport.PAGE)
    theirs = join(visitor(charlie, "charlies log-in"), yard, "bobs-page", Transport.WEBSOCKET)
    assert theirs.pk != mine.pk and (theirs.user_name, mine.user_name) == ("charlie", "bob")


def test_a_left_session_ends_after_four_seconds_when_nobody_comes_back(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.PAGE)
    write_left([(Seen(row.pk, bytes=1000), after(row, 60))])
    assert end_unseen(after(row, 63)) == 0
    assert end_unseen(after(row, 65)) == 1
    row.refresh_from_db()
    assert row.ended_at == after(row, 60) and row.bytes == 1000
    line = LogLine.objects.get(what="closed")
    assert line.details == {"seconds": 60.0, "bytes": 1000, "transport": "page"} and line.viewing_id == row.pk


def test_coming_back_in_time_keeps_the_session(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.PAGE)
    now = timezone.now()
    write_left([(Seen(row.pk), now)])
    join(visitor(bob), yard, "page", Transport.WEBSOCKET)
    assert end_unseen(now + timedelta(seconds=5)) == 0
    assert log() == [("opened", "bob", "Yard")]


def test_coming_back_too_late_begins_another(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.PAGE)
    write_left([(Seen(row.pk), after(row, 1))])
    assert end_unseen(after(row, 6)) == 1
    assert join(visitor(bob), yard, "page", Transport.WEBSOCKET).pk != row.pk
    assert [what for what, *_ in log()] == ["opened", "closed", "opened"]


def test_what_nobody_keeps_alive_ends_within_ten_seconds_when_it_was_seen_last(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.MJPEG)
    write_seen([Seen(row.pk, bytes=50)], after(row, 20))
    assert end_unseen(after(row, 28)) == 0
    # The engine looks once a second, so a web process that was killed right after writing is noticed by then.
    assert end_unseen(after(row, 29.1)) == 1
    row.refresh_from_db()
    assert (row.ended_at, row.bytes) == (after(row, 20), 50)


def test_single_pictures_are_one_session_until_thirty_seconds_pass(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, viewings.FRAME_PAGE, Transport.FRAME)
    assert end_unseen(after(row, 29)) == 0
    assert join(visitor(bob), yard, viewings.FRAME_PAGE, Transport.FRAME).pk == row.pk
    row.refresh_from_db()
    assert end_unseen(row.last_seen_at + timedelta(seconds=31)) == 1


def test_an_ended_session_is_never_written_again(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.PAGE)
    end_unseen(after(row, 60))
    row.refresh_from_db()
    ended = row.ended_at
    assert write_seen([Seen(row.pk, bytes=5)], after(row, 61)) == {row.pk}
    write_left([(Seen(row.pk, bytes=5), after(row, 62))])
    row.refresh_from_db()
    assert (row.ended_at, row.bytes, row.left_at) == (ended, 0, None)
    assert end_unseen(after(row, 600)) == 0
    assert LogLine.objects.filter(what="closed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_engines_end_a_session_once(bob: User, yard: Camera) -> None:
    rows = [join(visitor(bob), yard, f"page {n}", Transport.PAGE) for n in range(20)]
    later, ended, gate = after(rows[-1], 60), [], threading.Barrier(2)

    def engine() -> None:
        gate.wait()
        ended.append(end_unseen(later))
        connection.close()

    threads = [threading.Thread(target=engine) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(ended) == 20
    assert sorted(LogLine.objects.filter(what="closed").values_list("viewing_id", flat=True)) == [
        row.pk for row in rows
    ]


@pytest.mark.django_db(transaction=True)
def test_a_viewer_that_comes_back_wins_over_the_engine(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.PAGE)
    write_left([(Seen(row.pk), after(row, 1))])
    ended: list[int] = []

    def engine() -> None:
        ended.append(end_unseen(after(row, 6)))
        connection.close()

    thread = threading.Thread(target=engine)
    with transaction.atomic():
        join(visitor(bob), yard, "page", Transport.WEBSOCKET)
        thread.start()
        thread.join(0.3)  # it sees the session as it was, and has to wait
        assert thread.is_alive()
    thread.join()
    assert ended == [0] and ViewingSession.objects.get(pk=row.pk).ended_at is None


def test_sessions_that_end_together_are_links_of_one_chain(bob: User, yard: Camera) -> None:
    rows = [join(visitor(bob), yard, f"page {n}", Transport.PAGE) for n in range(ENDED_AT_ONCE + 3)]
    assert end_unseen(after(rows[-1], 60)) == len(rows)
    lines = list(LogLine.objects.order_by("pk"))
    assert [line.viewing_id for line in lines] == [row.pk for row in rows] * 2
    assert all(line.hash == line.digest() for line in lines)
    assert [line.previous for line in lines[1:]] == [line.hash for line in lines[:-1]]


def test_a_clock_set_back_leaves_no_session_for_ever(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.PAGE)
    hour_back = row.started_at - timedelta(hours=1)
    assert end_unseen(hour_back) == 1
    row.refresh_from_db()
    assert row.seconds == 0


def test_all_open_sessions_are_written_in_one_go(bob: User, yard: Camera) -> None:
    rows = [join(visitor(bob), yard, f"page {n}", Transport.PAGE) for n in range(100)]
    seen = [Seen(row.pk, bytes=n, delay=(0.1, 0.2) if n == 5 else None) for n, row in enumerate(rows)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert write_seen(seen, after(rows[0], 5)) == set()
    # The rows themselves, their bytes and their delays, each prepared once however many there are.
    assert len([one for one in queries if "UPDATE " in one["sql"]]) == 3
    assert list(ViewingSession.objects.order_by("pk").values_list("bytes", flat=True)) == list(range(100))
    write_seen([Seen(rows[7].pk, bytes=3)])
    assert ViewingSession.objects.get(pk=rows[7].pk).bytes == 10
    five = ViewingSession.objects.get(pk=rows[5].pk)
    assert (five.delay_median, five.delay_max, five.last_seen_at) == (0.1, 0.2, after(rows[0], 5))


def test_a_session_ended_while_it_is_watched_is_opened_anew(bob: User, yard: Camera) -> None:
    row = join(visitor(bob), yard, "page", Transport.MJPEG)
    end_unseen(after(row, 60))
    new = viewings.reopen(row.pk)
    assert new is not None
    fresh = ViewingSession.objects.get(pk=new)
    assert (fresh.key, fresh.user_name, fresh.device, fresh.bytes, fresh.ended_at) == (
        row.key,
        "bob",
        "Firefox",
        0,
        None,
    )
    assert [what for what, *_ in log()] == ["opened", "closed", "opened"]
    ViewingSession.objects.all().delete()
    assert viewings.reopen(row.pk) is None


def test_who_is_watching_now_is_told_by_name(bob: User, charlie: User, yard: Camera) -> None:
    porch = Camera.objects.create(name="Porch", slug="porch", kind="pattern")
    for page in ("one", "two"):
        join(visitor(bob), yard, page, Transport.PAGE)
    gone = join(visitor(charlie, "other"), yard, "three", Transport.PAGE)
    join(visitor(charlie, "other"), porch, "four", Transport.PAGE)
    assert names_watching([yard.pk]) == {yard.pk: ["bob", "charlie"]}
    write_left([(Seen(gone.pk), timezone.now())])
    assert names_watching([yard.pk, porch.pk]) == {yard.pk: ["bob"], porch.pk: ["charlie"]}


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        (None, None),
        ("x", None),
    ],
)
def test_addresses_are_kept_in_plain_form(raw: str | None, clean: str | None) -> None:
    assert viewings.clean_address(raw) == clean


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/150.0 Safari/537.36 Edg/150.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("VLC/3.0.20 LibVLC/3.0.20", "VLC"),
        ("HomeAssistant/2026.11.0 aiohttp/3.12 Python/3.13", "Home Assistant"),
        ("Lavf/62.3.100", "FFmpeg"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36", "a browser on a television"),
        ("", ""),
        ("x" * 500, "x" * 60),
        ("evil\r\nname\x1b[31m\u202e", "evilname[31m"),
    ],
)  # fmt: skip
def test_devices_are_told_in_words(agent: str, words: str) -> None:
    assert device_words(agent) == words


def test_opening_a_live_page_is_an_opening(client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant) -> None:
    reply = client_of(bob).get("/live/yard/", headers={"User-Agent": "VLC/3"})
    row = ViewingSession.objects.get()
    page = reply.context["page"]
    assert (row.transport, row.user_name, row.device, row.address) == ("page", "bob", "VLC", "127.0.0.1")
    assert page in reply.content.decode() and len(page) >= 16
    assert row.key != page  # the row tells nobody how to join


def test_asking_for_the_head_of_a_page_is_none(
    client_of: ClientOf, bob: User, yard: Camera, bob_watches: Grant
) -> None:
    for path in ("/live/yard/", "/live/yard/stream.mjpg"):
        assert client_of(bob).head(path).status_code == 200
    assert not ViewingSession.objects.exists() and not LogLine.objects.exists()


def test_a_stranger_opens_nothing(client_of: ClientOf, charlie: User, yard: Camera) -> None:
    for path in ("/live/yard/", "/live/yard/stream.mjpg", "/live/yard/frame.jpg"):
        assert client_of(charlie).get(path).status_code == 404
    assert not ViewingSession.objects.exists()


def test_a_hundred_pages_are_ended_fast(bob: User, yard: Camera) -> None:
    rows = [join(visitor(bob), yard, f"page {n}", Transport.PAGE) for n in range(100)]
    began = time.monotonic()
    assert end_unseen(after(rows[-1], 60)) == 100
    assert time.monotonic() - began < 5


def test_a_token_is_a_viewer_under_its_users_name(bob: User, yard: Camera, bob_watches: Grant) -> None:
    token, secret = ApiToken.objects.issue(bob, "television")
    reply = Client().get("/live/yard/stream.mjpg", headers={"Authorization": f"Bearer {secret}"})
    assert reply.status_code == 200
    row = ViewingSession.objects.get()
    assert (row.user_name, row.transport) == ("bob", "mjpeg")
    assert str(token.digest) not in row.key


def test_what_was_left_before_its_turn_to_be_written_is_not_opened_anew(bob: User, yard: Camera) -> None:
    now = timezone.now()
    row = looked(bob, yard, now, seconds=5)
    assert keep_or_reopen([Seen(row.pk)], lambda pk: False) == {}
    assert ViewingSession.objects.count() == 1
    (new,) = keep_or_reopen([Seen(row.pk)], lambda pk: True).values()
    assert ViewingSession.objects.get(pk=new).ended_at is None
