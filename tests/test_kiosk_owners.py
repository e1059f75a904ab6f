"""Owners let screens in and send them away; the code is typed on their page."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import Device, Role, User
from camera.models import Camera, Grant, Right
from main.models import AuditEntry
from main.pages import kiosk_owners
from tests.kiosk_kit import browser, code_on, paired

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(alice: User, client_of: Any) -> Client:
    client: Client = client_of(alice)
    return client


@pytest.fixture
def hall(alice: User) -> Camera:
    return Camera.objects.create(name="Hall", slug="hall", kind="pattern", keeper=alice)


def fields(camera: Camera | None, *cameras: Camera, **more: Any) -> dict[str, Any]:
    told = {"name": "Front door", "camera": camera.pk if camera else "", "language": "de"}
    return told | {"cameras": [one.pk for one in cameras]} | more


def bound(device: Device) -> set[tuple[str, str]]:
    return set(Grant.objects.filter(user=device.user).values_list("camera__slug", "right"))


def test_an_owner_lets_a_screen_in(owner: Client, yard: Camera, hall: Camera) -> None:
    screen = browser()
    code = code_on(screen)
    typed = f"{code[:3].lower()} {code[3:]}"
    reply = owner.post("/people/kiosks/", fields(yard, hall, code=typed, silent="on"), follow=True)
    page = reply.content.decode()
    assert "Front door is paired: Chrome on Linux at 192.168.1.20." in page and "rings at" in page
    device = Device.objects.get()
    assert (device.camera, device.language, device.silent) == (yard.pk, "de", True)
    assert bound(device) == {("yard", Right.WATCH), ("hall", Right.WATCH)}
    # From now on ten seconds from before a ring are at hand there; the engine is told by the version.
    version = yard.version
    yard.refresh_from_db()
    hall.refresh_from_db()
    assert yard.doorbell and yard.version > version and not hall.doorbell
    entry = AuditEntry.objects.get(what="paired screen «Front door»")
    assert entry.actor == "alice" and entry.after["rings at"] == "yard" and code not in str(entry.after)
    assert screen.post("/kiosk/pair/").json() == {"paired": True}


def test_the_one_doorbell_is_chosen_already(owner: Client, yard: Camera, hall: Camera) -> None:
    assert '<option value="" selected>' in owner.get("/people/kiosks/").content.decode()
    Camera.objects.filter(pk=hall.pk).update(doorbell=True)
    assert f'<option value="{hall.pk}" selected>' in owner.get("/people/kiosks/").content.decode()
    Camera.objects.filter(pk=yard.pk).update(doorbell=True)
    assert f'<option value="{hall.pk}" selected>' not in owner.get("/people/kiosks/").content.decode()


def test_wrong_codes(owner: Client, yard: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kiosk_owners, "MOST_WRONG", 2)
    code = code_on(browser())
    for _ in range(2):
        page = owner.post("/people/kiosks/", fields(yard, code="AAAAAA")).content.decode()
        assert "No screen shows that code now." in page
    page = owner.post("/people/kiosks/", fields(yard, code=code)).content.decode()
    assert "Too many wrong codes" in page and not Device.objects.exists()
    cache.clear()
    assert owner.post("/people/kiosks/", fields(yard, code=code)).status_code == 302


@pytest.mark.faults
@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "x" * 61}, {"name": "a\x00b"}, {"camera": "999"}, {"camera": "x"}, {"cameras": ["999"]},
     {"language": "xx"}, {"code": ""}, {"code": "x" * 21}],
)  # fmt: skip
def test_odd_fields_let_nothing_in(wrong: dict[str, Any], owner: Client, yard: Camera) -> None:
    reply = owner.post("/people/kiosks/", fields(yard, code=code_on(browser())) | wrong)
    assert reply.status_code == 200 and not Device.objects.exists()
    assert not User.objects.filter(role=Role.KIOSK).exists()


def test_a_screen_is_changed(owner: Client, alice: User, yard: Camera, hall: Camera) -> None:
    device, screen = paired(alice, yard)
    page = owner.get(f"/people/kiosks/{device.pk}/").content.decode()
    assert "screen-front-door" in page and "Chrome on Linux at 192.168.1.20" in page
    assert owner.post(f"/people/kiosks/{device.pk}/", fields(hall, name="Gate")).status_code == 302
    device.refresh_from_db()
    assert (device.name, device.camera, bound(device)) == ("Gate", hall.pk, {("hall", Right.WATCH)})
    assert screen.get("/kiosk/state/").json()["camera"] == "hall"
    assert owner.post(f"/people/kiosks/{device.pk}/", fields(None, yard)).status_code == 302
    device.refresh_from_db()
    assert device.camera is None and bound(device) == {("yard", Right.WATCH)}
    assert screen.get("/kiosk/state/").json()["camera"] is None


def test_a_screen_is_sent_away(owner: Client, alice: User, yard: Camera) -> None:
    device, screen = paired(alice, yard)
    reply = owner.post(f"/people/kiosks/{device.pk}/", {"revoke": "1"}, follow=True)
    assert "no screen of the house any more" in reply.content.decode()
    assert screen.get("/kiosk/state/").status_code == 401 and bound(device) == set()
    assert AuditEntry.objects.filter(what="ended screen «Front door»", actor="alice").exists()
    assert owner.get(f"/people/kiosks/{device.pk}/").status_code == 404
    assert owner.post(f"/people/kiosks/{device.pk}/", {"revoke": "1"}).status_code == 404


def test_a_copied_cookie_stands_on_the_page(owner: Client, alice: User, yard: Camera) -> None:
    device, screen = paired(alice, yard)
    thief = browser("192.168.1.99")
    thief.cookies["fw_device"] = screen.cookies["fw_device"].value
    thief.get("/kiosk/")
    assert "Another browser came with its cookie" in owner.get("/people/kiosks/").content.decode()
    assert "192.168.1.99" in owner.get(f"/people/kiosks/{device.pk}/").content.decode()


def test_members_and_guests_have_no_say(bob: User, alice: User, yard: Camera, client_of: Any) -> None:
    device, _ = paired(alice, yard)
    gina = User.objects.create_user("gina", role=Role.GUEST)
    for user in (bob, gina):
        client = client_of(user)
        for path in ("/people/kiosks/", f"/people/kiosks/{device.pk}/"):
            assert client.get(path).status_code == client.post(path, {"revoke": "1"}).status_code == 403
    assert Device.objects.paired().count() == 1


def test_a_screen_cannot_be_made_a_person(owner: Client, alice: User, yard: Camera) -> None:
    device, _ = paired(alice, yard)
    path = f"/people/{device.user_id}/"
    assert owner.get(path).headers["Location"] == f"/people/kiosks/{device.pk}/"
    assert owner.post(path, {"role": "owner", "is_active": "on"}).status_code == 302
    device.user.refresh_from_db()
    assert device.user.role == Role.KIOSK


def test_the_back_room_sends_screens_away(owner: Client, alice: User, yard: Camera) -> None:
    device, screen = paired(alice, yard)
    page = owner.get(f"/admin/accounts/device/{device.pk}/change/").content.decode()
    assert "Front door" in page and device.digest not in page
    assert owner.get("/admin/accounts/device/add/").status_code == 403
    told = {"action": "send_away", "_selected_action": [device.pk]}
    assert "1 screen sent away" in owner.post("/admin/accounts/device/", told, follow=True).content.decode()
    assert screen.get("/kiosk/state/").status_code == 401


def test_hostile_names(owner: Client, yard: Camera) -> None:
    bad = '"><img src=x onerror=alert(1)>'
    screen = browser(agent=bad)
    owner.post("/people/kiosks/", fields(yard, code=code_on(screen), name=bad))
    page = owner.get("/people/kiosks/").content.decode()
    device = Device.objects.get()
    assert device.name == bad and device.user.username.startswith("screen-")
    assert "<img" not in page + owner.get(f"/people/kiosks/{device.pk}/").content.decode()
