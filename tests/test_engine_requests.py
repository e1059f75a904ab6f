"""Why a camera is recorded from outside: who watches, who asked, and for how long."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from camera import ports
from camera.engine.orders import largest_file, orders_for
from camera.engine.requests import WATCHED_STAYS, RequestError, Requests
from camera.models import Camera, Grant, RecordRequest, Right
from camera.ports import Policy
from tests.footage_cast import looked, recorded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bob_records")]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def requests(clock: Clock) -> Requests:
    return Requests(clock)


def body(yard: Camera, user: User, **values: Any) -> dict[str, Any]:
    return {"camera": yard.pk, "on": True, "session": None, "user": user.pk, "name": user.username} | values


def test_asking_twice_is_asking_once_and_so_is_stopping(requests: Requests, yard: Camera, bob: User) -> None:
    for _ in range(2):
        assert requests.ask(body(yard, bob)) == yard.pk
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ("manual:bob",)}
    assert RecordRequest.objects.count() == 1
    for _ in range(2):
        requests.ask(body(yard, bob, on=False))
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ()}


def test_one_stops_his_own_only(requests: Requests, yard: Camera, alice: User, bob: User) -> None:
    requests.ask(body(yard, alice))
    requests.ask(body(yard, bob))
    requests.ask(body(yard, bob, on=False))
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ("manual:alice",)}


def test_who_may_not_record_any_more_is_not_recorded_for(
    requests: Requests, yard: Camera, alice: User, bob: User, bob_records: Grant
) -> None:
    requests.ask(body(yard, bob))
    requests.ask(body(yard, bob, session=looked(bob, yard, timezone.now(), None).pk))
    requests.ask(body(yard, alice))
    assert len(requests.reasons({yard.pk: "off"})[yard.pk]) == 3
    bob_records.delete()
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ("manual:alice",)}
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ()}
    assert not RecordRequest.objects.exists()


def test_a_request_by_hand_ends_by_itself(requests: Requests, yard: Camera, bob: User) -> None:
    requests.ask(body(yard, bob))
    until = RecordRequest.objects.get().until
    assert until is not None and abs(until - timezone.now() - timedelta(hours=4)) < timedelta(minutes=1)
    RecordRequest.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ()}
    assert not RecordRequest.objects.exists()


def test_a_request_of_a_page_ends_with_it(requests: Requests, yard: Camera, bob: User) -> None:
    session = looked(bob, yard, timezone.now(), None)
    requests.ask(body(yard, bob, session=session.pk))
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: (f"session:{session.pk}",)}
    session.ended_at = timezone.now()
    session.save()
    assert requests.reasons({yard.pk: "off"}) == {yard.pk: ()}
    assert not RecordRequest.objects.exists()
    assert requests.people(yard.pk, ["always", f"session:{session.pk}"]) == [bob.pk]


def test_a_closed_page_cannot_ask(requests: Requests, yard: Camera, bob: User) -> None:
    session = looked(bob, yard, timezone.now(), 5)
    with pytest.raises(RequestError) as caught:
        requests.ask(body(yard, bob, session=session.pk))
    assert caught.value.code == "not_found" and not RecordRequest.objects.exists()


def test_a_camera_that_is_not_there_is_named_so(requests: Requests, yard: Camera, bob: User) -> None:
    with pytest.raises(RequestError) as caught:
        requests.ask(body(yard, bob, camera=yard.pk + 1))
    assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    "odd",
    [{"camera": "1"}, {"camera": True}, {"on": 1}, {"session": "5"}, {"user": None}, {"name": ""}, {"name": "x" * 151}],
)
def test_nonsense_is_refused(requests: Requests, yard: Camera, bob: User, odd: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        requests.ask(body(yard, bob) | odd)
    assert caught.value.code == "bad_request"


def test_a_watched_camera_stays_so_while_a_page_is_turned(
    requests: Requests, clock: Clock, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = {yard.pk}
    monkeypatch.setattr(ports, "watched", lambda: set(watching))
    assert requests.reasons({yard.pk: "watched"}) == {yard.pk: ("watched",)}
    watching.clear()
    clock.now += WATCHED_STAYS - 0.1
    assert requests.reasons({yard.pk: "watched"}) == {yard.pk: ("watched",)}
    clock.now += 0.2
    assert requests.reasons({yard.pk: "watched"}) == {yard.pk: ()}


def test_a_camera_of_another_mode_is_not_recorded_for_being_watched(
    requests: Requests, yard: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "watched", lambda: {yard.pk})
    for mode in ("off", "motion", "always"):
        assert requests.reasons({yard.pk: mode}) == {yard.pk: ()}


def test_many_cameras_cost_no_more_queries_than_one(
    requests: Requests, yard: Camera, bob: User, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        camera = Camera.objects.create(name=f"C{number}", slug=f"c{number}", kind="pattern", record="watched")
        Grant.objects.create(camera=camera, user=bob, right=Right.RECORD)
        requests.ask(body(camera, bob))
        requests.ask(body(camera, bob, session=looked(bob, camera, timezone.now(), None).pk))
    requests.wanted()
    monkeypatch.setattr("camera.engine.requests.holds", dict)
    with django_assert_max_num_queries(8):
        wanted = requests.wanted()
    assert len(wanted) == 21 and len(wanted[-1].orders.reasons) == 3


def test_a_held_folder_holds_its_cameras(
    requests: Requests, yard: Camera, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path, [tmp_path]
    held = {str(tmp_path): "disk_full"}
    monkeypatch.setattr("camera.engine.requests.holds", lambda: held)
    assert [one.orders.hold for one in requests.wanted()] == ["disk_full"]
    held.clear()
    assert [one.orders.hold for one in requests.wanted()] == [""]


def test_what_was_deleted_while_it_was_recorded_ends(requests: Requests, yard: Camera) -> None:
    doomed = recorded(yard, timezone.now(), state="open", ended_at=None, delete_requested_at=timezone.now())
    recorded(yard, timezone.now(), state="open", ended_at=None)
    recorded(yard, timezone.now(), delete_requested_at=timezone.now())
    assert [one.orders.cut for one in requests.wanted()] == [(doomed.uid,)]


def test_a_small_disk_gets_small_files(settings: Any, tmp_path: Path) -> None:
    assert largest_file(str(tmp_path)) >= 1024 * 1024
    assert largest_file(str(tmp_path / "absent")) == 0


def test_a_camera_s_own_settings_go_before_the_house_s(yard: Camera, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "disk"]
    policy = Policy(record="motion", pre_roll=3, post_roll=7, storage=str(tmp_path / "disk"))
    orders = orders_for(yard, policy, ("watched",), {str(tmp_path / "disk"): "disk_full"})
    assert (orders.mode, orders.pre_roll, orders.post_roll) == ("motion", 3, 7)
    assert (orders.storage, orders.media) == (str(tmp_path / "disk"), str(tmp_path / "media"))
    assert (orders.reasons, orders.hold, orders.slug, orders.detect) == (
        ("watched",),
        "disk_full",
        "yard",
        "background",
    )
    # No picture goes into the folder in which MEDIA_ROOT is to be mounted; a full one still takes these small ones.
    home = str(tmp_path / "media")
    assert orders_for(yard, policy, (), {home: "storage_missing"}).media == ""
    assert orders_for(yard, policy, (), {home: "disk_full"}).media == home
    yard.record, yard.pre_roll, yard.post_roll = "always", 0, 0
    orders = orders_for(yard, policy)
    assert (orders.mode, orders.pre_roll, orders.post_roll) == ("always", 0, 0)


def test_a_folder_outside_the_roots_is_not_recorded_to(
    yard: Camera, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.MEDIA_ROOT, settings.STORAGE_ROOTS = tmp_path / "media", [tmp_path / "disk"]
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "sly").symlink_to("/etc")
    for folder in ("/etc", str(tmp_path), str(tmp_path / "disk" / "sly"), "disk"):
        assert orders_for(yard, Policy(storage=folder)).storage == str(tmp_path / "media")
    assert "outside STORAGE_ROOTS" in caplog.text
    assert orders_for(yard, Policy(storage=str(tmp_path / "disk/deep"))).storage == str(tmp_path / "disk/deep")
