"""Who is in the house and who may do what: what each sees of it, and what only owners change."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils.html import escape

from accounts.models import ApiToken, Invite, Role, User
from accounts.people import LastOwnerError, place
from camera.models import Camera, Grant, Right
from main.models import AuditEntry
from main.pages.people import reachable
from main.sharing import matrix

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]


def words_of(person: User, *cameras: Camera) -> list[tuple[str, str]]:
    return [(cell.words, cell.because) for cell in matrix([person], cameras)[0].cells]


def fields_for(person: User, **more: Any) -> dict[str, Any]:
    """What a browser sends from the person's page when nothing was touched."""
    fields: dict[str, Any] = {
        "role": person.role,
        "shown": [str(pk) for pk in Camera.objects.values_list("pk", flat=True)],
    }
    if person.is_active:
        fields["is_active"] = "on"
    for grant in Grant.objects.filter(user=person):
        fields.setdefault(f"camera-{grant.camera_id}", []).append(grant.right)
    return {name: value for name, value in (fields | more).items() if value is not None}


def test_the_matrix_says_what_the_door_lets_through(alice: User, bob: User, charlie: User, yard: Camera) -> None:
    hall = Camera.objects.create(name="Hall", slug="hall", kind="pattern", keeper=bob)
    gina = User.objects.create_user("gina", role=Role.GUEST)
    Grant.objects.create(camera=yard, user=None, right=Right.WATCH)
    Grant.objects.create(camera=yard, user=bob, right=Right.LOG)
    Grant.objects.create(camera=hall, user=gina, right=Right.WATCH)
    assert words_of(alice, yard, hall) == [("everything", "as an owner")] * 2
    assert words_of(bob, yard, hall) == [("watches, reads the log", ""), ("everything", "keeps it")]
    assert words_of(charlie, yard, hall) == [("watches", "like every member"), ("", "")]
    assert words_of(gina, yard, hall) == [("", ""), ("watches", "")]


def test_an_owner_sees_everybody_and_every_camera(
    alice: User, bob: User, charlie: User, yard: Camera, client_of: ClientOf
) -> None:
    page = client_of(alice).get("/people/").content.decode()
    for word in ("alice", "bob", "charlie", "Yard", "Invite somebody"):
        assert word in page


def test_a_member_sees_the_people_and_only_what_is_theirs(
    bob: User, charlie: User, yard: Camera, bob_watches: Grant, client_of: ClientOf
) -> None:
    Camera.objects.create(name="Secret cellar", slug="cellar", kind="pattern")
    Grant.objects.create(camera=yard, user=charlie, right=Right.LOG)
    page = client_of(bob).get("/people/").content.decode()
    assert "charlie" in page and "Yard" in page and "watches" in page
    assert "Secret cellar" not in page and "reads the log" not in page
    assert "Invite somebody" not in page and "/people/1" not in page


def test_a_stranger_sees_no_camera(charlie: User, yard: Camera, client_of: ClientOf) -> None:
    page = client_of(charlie).get("/people/").content.decode()
    assert "Yard" not in page and "No camera is shared with you yet" in page


def test_a_guest_does_not_see_the_people(alice: User, bob: User, client_of: ClientOf) -> None:
    gina = User.objects.create_user("gina", role=Role.GUEST)
    page = client_of(gina).get("/people/").content.decode()
    assert "gina" in page and "bob" not in page and "alice" not in page
    assert client_of(gina).get(f"/people/{bob.pk}/").status_code == 404


def test_an_owner_gives_and_takes_grants(alice: User, bob: User, yard: Camera, client_of: ClientOf) -> None:
    client, name = client_of(alice), f"camera-{yard.pk}"
    reply = client.post(f"/people/{bob.pk}/", fields_for(bob, **{name: ["watch", "log"]}))
    assert reply.status_code == 302
    assert set(Grant.objects.filter(user=bob).values_list("right", flat=True)) == {"watch", "log"}
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.what) == ("alice", "changed bob")
    assert (entry.before, entry.after) == ({"yard": "nothing"}, {"yard": "watches, reads the log"})
    client.post(f"/people/{bob.pk}/", fields_for(bob, **{name: []}))
    assert not Grant.objects.exists()


def test_nothing_changes_and_nothing_is_noted_when_nothing_was_touched(
    alice: User, bob: User, bob_watches: Grant, client_of: ClientOf
) -> None:
    assert client_of(alice).post(f"/people/{bob.pk}/", fields_for(bob)).status_code == 302
    assert Grant.objects.get().pk == bob_watches.pk and not AuditEntry.objects.exists()


def test_a_camera_that_was_not_on_the_page_keeps_its_grants(
    alice: User, bob: User, bob_watches: Grant, client_of: ClientOf
) -> None:
    fields = fields_for(bob, shown=[], **{f"camera-{bob_watches.camera_id}": []})
    assert client_of(alice).post(f"/people/{bob.pk}/", fields).status_code == 302
    assert Grant.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"role": "king"}, {"role": ""}, {"role": "kiosk"}, {"shown": ["9999"]}, {"camera": ["everything"]}]
)
def test_bad_values_save_nothing(
    alice: User, bob: User, yard: Camera, client_of: ClientOf, wrong: dict[str, Any]
) -> None:
    if "camera" in wrong:
        wrong = {f"camera-{yard.pk}": wrong["camera"]}
    fields = fields_for(bob, **{f"camera-{yard.pk}": ["watch"], "is_active": None} | wrong)
    assert client_of(alice).post(f"/people/{bob.pk}/", fields).status_code == 200
    bob.refresh_from_db()
    assert bob.role == Role.MEMBER and bob.is_active and not Grant.objects.exists() and not AuditEntry.objects.exists()


def test_switching_off_ends_every_log_in_and_token_at_once(alice: User, bob: User, client_of: ClientOf) -> None:
    here, there = client_of(bob), client_of(bob)
    _, secret = ApiToken.objects.issue(bob, "television")
    assert client_of(alice).post(f"/people/{bob.pk}/", fields_for(bob, is_active=None)).status_code == 302
    assert here.get("/me/").status_code == there.get("/me/").status_code == 302
    assert Session.objects.count() == 1  # alice's
    assert ApiToken.objects.valid(secret) is None
    bob.refresh_from_db()
    client_of(alice).post(f"/people/{bob.pk}/", fields_for(bob, is_active="on"))
    assert here.get("/me/").status_code == 302 and client_of(bob).get("/me/").status_code == 200


def test_a_new_role_holds_at_once(alice: User, bob: User, client_of: ClientOf) -> None:
    client = client_of(bob)
    assert client.get("/settings/").status_code == 403
    client_of(alice).post(f"/people/{bob.pk}/", fields_for(bob, role="owner"))
    assert client.get("/settings/").status_code == 200 and client.get("/admin/").status_code == 200
    bob.refresh_from_db()
    client_of(alice).post(f"/people/{bob.pk}/", fields_for(bob, role="guest"))
    assert client.get("/settings/").status_code == 403 and client.get("/admin/").status_code in (302, 403)


@pytest.mark.parametrize("change", [{"role": "member"}, {"is_active": None}, {"role": "guest", "is_active": None}])
def test_the_last_owner_stays(alice: User, bob: User, client_of: ClientOf, change: dict[str, Any]) -> None:
    User.objects.create_user("former", role=Role.OWNER, is_active=False)
    reply = client_of(alice).post(f"/people/{alice.pk}/", fields_for(alice, **change))
    assert reply.status_code == 200 and "The house needs an owner" in reply.content.decode()
    alice.refresh_from_db()
    assert alice.is_owner and alice.is_active and not AuditEntry.objects.exists()


def test_an_owner_may_step_down_when_another_is_left(alice: User, bob: User, client_of: ClientOf) -> None:
    place(bob, Role.OWNER, is_active=True)
    assert client_of(alice).post(f"/people/{alice.pk}/", fields_for(alice, role="member")).status_code == 302
    with pytest.raises(LastOwnerError):
        place(bob, Role.MEMBER, is_active=True)


@pytest.mark.parametrize("who", ["bob", "charlie", None])
def test_nobody_but_owners_changes_people(
    alice: User, bob: User, charlie: User, yard: Camera, client_of: ClientOf, who: str | None
) -> None:
    client = client_of(User.objects.get(username=who) if who else None)
    refused = 403 if who else 302
    for person in (alice, bob):
        fields = fields_for(person, role="owner", **{f"camera-{yard.pk}": ["watch"]})
        assert client.post(f"/people/{person.pk}/", fields).status_code == refused
    assert client.post("/people/invite/", {"role": "owner"}).status_code == refused
    assert client.get("/people/9999/").status_code == (404 if who else 302)
    bob.refresh_from_db()
    assert bob.role == Role.MEMBER and not Grant.objects.exists() and not Invite.objects.exists()
    assert not AuditEntry.objects.exists()


def test_changes_need_the_forms_token(alice: User, bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(f"/people/{bob.pk}/", fields_for(bob, role="owner")).status_code == 403
    assert client.post("/people/invite/", {"role": "owner"}).status_code == 403


def test_an_invitation_is_shown_once_as_link_and_code(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    page = client.post("/people/invite/", {"role": "guest"}).content.decode()
    link = page.partition('value="http')[2].partition('"')[0]
    secret = link.rstrip("/").rpartition("/")[2]
    assert Invite.objects.valid(secret) == Invite.objects.get() and 'src="data:image/svg+xml' in page
    assert secret not in client.get("/people/").content.decode()
    assert secret not in str(AuditEntry.objects.values().get())


def test_an_invitation_is_withdrawn(alice: User, client_of: ClientOf) -> None:
    invite, secret = Invite.objects.issue(Role.MEMBER, alice)
    client = client_of(alice)
    assert client.post("/people/invite/", {"withdraw": str(invite.pk)}).status_code == 302
    assert Client().get(f"/invited/{secret}/").status_code == 404
    for odd in (str(invite.pk), "x", "", "-1", "9" * 40, "²"):
        assert client.post("/people/invite/", {"withdraw": odd}).status_code == 302


@pytest.mark.parametrize("role", ["", "king", "kiosk"])
def test_nobody_is_invited_as_something_else(alice: User, client_of: ClientOf, role: str) -> None:
    assert client_of(alice).post("/people/invite/", {"role": role}).status_code == 302
    assert not Invite.objects.exists()


@pytest.mark.parametrize(("address", "host"), [("192.168.1.20", "192.168.1.20"), ("fd00::5", "[fd00::5]")])
def test_links_for_others_never_point_at_their_own_machine(
    monkeypatch: pytest.MonkeyPatch, address: str, host: str
) -> None:
    monkeypatch.setattr("main.pages.people.machine_addresses", lambda: [address, "127.0.0.1"])
    assert reachable("http://house.local:8000/invited/x/") == "http://house.local:8000/invited/x/"
    for here in ("localhost", "127.0.0.1", "[::1]"):
        assert reachable(f"http://{here}:8000/invited/x/") == f"http://{host}:8000/invited/x/"
    assert reachable("https://localhost/invited/x/") == f"https://{host}/invited/x/"


@pytest.mark.parametrize("name", ['"><img src=x onerror=window.x=1>', "{{7*7}}", "$(touch /tmp/pwn)", "الباب\u200f 🦀"])
def test_odd_camera_names_are_shown_as_they_are(alice: User, bob: User, client_of: ClientOf, name: str) -> None:
    Camera.objects.create(name=name, slug="odd", kind="pattern")
    for path in ("/people/", f"/people/{bob.pk}/"):
        page = client_of(alice).get(path).content.decode()
        assert escape(name) in page and "<img src=x" not in page
