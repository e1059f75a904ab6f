"""The admin site: for owners, by role; the log is read-only; a camera's password goes in and never comes out."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, Invite, JoinLink, Role, User
from camera.models import Camera, EventStill, Gap, Grant, HourUsage, RecordRequest, Right, TimeLapse
from main.models import AuditEntry, LogLine, SiteSettings, ViewingSession, WallChoice
from tests.conftest import PASSWORD
from tests.footage_cast import happened, recorded
from tests.kiosk_kit import paired
from tests.notify_kit import ring_told
from tests.test_settings_page import GOOD as SETTINGS

pytestmark = pytest.mark.django_db
WRITTEN_BY_THE_HOUSE = [ViewingSession, LogLine, AuditEntry]


@pytest.fixture
def owner(alice: User, client_of: Any) -> Client:
    return client_of(alice)  # type: ignore[no-any-return]


@pytest.fixture
def viewing(bob: User, yard: Camera) -> ViewingSession:
    began = timezone.now() - timedelta(minutes=5)
    made = ViewingSession.objects.create(
        user=bob, user_name="bob", camera=yard, camera_name="Yard", camera_slug="yard", key="k", transport="page",
        started_at=began, last_seen_at=timezone.now(),
    )  # fmt: skip
    LogLine.append("opened", made)
    AuditEntry.objects.create(actor="alice", what="changed bob", before={"role": "guest"}, after={"role": "member"})
    return made


def page_of(model: Any, what: str, pk: int | None = None) -> str:
    return reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=[pk] if pk is not None else []
    )


def camera_fields(**more: str) -> dict[str, str]:
    fields = {
        "name": "Yard", "slug": "yard", "source": "rtsp://10.0.0.9/stream1", "username": "", "new_password": "",
        "transport": "tcp", "poll_fps": "2", "enabled": "on", "keeper": "", "position": "0",
        "record": "", "detect": "background", "sensitivity": "50", "min_area": "0.15",
        "grants-TOTAL_FORMS": "0", "grants-INITIAL_FORMS": "0",
    }  # fmt: skip
    return fields | more


def test_every_model_of_the_house_is_there() -> None:
    for label in ("accounts", "camera", "main"):
        for model in apps.get_app_config(label).get_models():
            assert admin.site.is_registered(model), model


def test_every_list_and_every_row_opens(
    owner: Client, viewing: ViewingSession, bob_watches: Grant, alice: User, yard: Camera
) -> None:
    event = happened(yard, timezone.now(), recorded(yard, timezone.now(), thumbnail=True))
    now = timezone.now()
    EventStill.objects.create(event=event, uid="0" * 8, captured_at=now, image="events/x.jpg", sha256="0" * 64)
    HourUsage.objects.create(camera=yard, camera_slug="yard", hour=now, kind="stills")
    TimeLapse.objects.create(
        camera=yard, camera_name="Yard", camera_slug="yard", day=now.date(), begin=now, end=now, uid="1" * 8,
        wanted_by="alice",
    )  # fmt: skip
    RecordRequest.objects.create(camera=yard, user_id=alice.pk, user_name="alice", until=timezone.now())
    Invite.objects.issue(Role.MEMBER, alice)
    ApiToken.objects.issue(alice, "television")
    JoinLink.objects.issue(yard.pk, alice, 1)
    paired(alice, yard)
    SiteSettings.load()
    WallChoice.objects.create(user=alice, order=[yard.pk])
    Gap.objects.create(camera=yard, cause="PRIVACY", started_at=now)
    ring_told(yard, alice)
    for model in [
        model for label in ("accounts", "camera", "main") for model in apps.get_app_config(label).get_models()
    ]:
        listed = owner.get(page_of(model, "changelist") + "?q=yard")
        assert listed.status_code == 200, model
        row = model._default_manager.first()
        assert row is not None, model
        assert owner.get(page_of(model, "change", row.pk)).status_code == 200, model


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_the_admin_site_goes_by_role_alone(bob: User, charlie: User, client_of: Any, who: str) -> None:
    User.objects.filter(username=who).update(is_staff=True, is_superuser=True)
    client = client_of(User.objects.get(username=who))
    for path in ("/admin/", "/admin/main/logline/", "/admin/accounts/user/", "/admin/camera/camera/add/"):
        reply = client.get(path, follow=True)
        assert "Yard" not in reply.content.decode() and reply.redirect_chain or reply.status_code == 403, path
        assert "site-name" not in reply.content.decode() or reply.request["PATH_INFO"] == "/admin/login/"


@pytest.mark.parametrize("model", WRITTEN_BY_THE_HOUSE)
def test_what_the_house_writes_is_read_only(owner: Client, viewing: ViewingSession, model: Any) -> None:
    row = model.objects.first()
    before = list(model.objects.order_by("pk").values())
    assert owner.get(page_of(model, "add")).status_code == 403
    assert owner.post(page_of(model, "add"), {"what": "x"}).status_code == 403
    assert owner.post(page_of(model, "change", row.pk), {"user_name": "mallory", "actor": "mallory"}).status_code == 403
    assert owner.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    owner.post(page_of(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert list(model.objects.order_by("pk").values()) == before
    page = owner.get(page_of(model, "change", row.pk)).content.decode()
    assert 'name="_save"' not in page and 'class="deletelink"' not in page


@pytest.mark.parametrize("model", WRITTEN_BY_THE_HOUSE)
def test_the_log_is_searched_by_words_and_dates(owner: Client, viewing: ViewingSession, model: Any) -> None:
    hit = owner.get(page_of(model, "changelist"), {"q": "bob"}).content.decode()
    miss = owner.get(page_of(model, "changelist"), {"q": "zebra"}).content.decode()
    assert 'class="field-' in hit and 'class="field-' not in miss
    assert "change-list" in hit and admin.site._registry[model].date_hierarchy


def test_a_cameras_password_goes_in_and_never_comes_out(owner: Client, yard: Camera) -> None:
    path = page_of(Camera, "change", yard.pk)
    assert owner.post(path, camera_fields(username="admin", new_password="S3CRETpw")).status_code == 302
    yard.refresh_from_db()
    assert yard.source_config().password == "S3CRETpw" and yard.username == "admin"
    assert (yard.kind, yard.address, yard.version) == ("rtsp", "rtsp://10.0.0.9/stream1", 2)
    pages = [
        owner.get(p).content.decode()
        for p in (path, page_of(Camera, "changelist"), page_of(Camera, "history", yard.pk))
    ]
    told = str(list(AuditEntry.objects.values()))
    for text in [*pages, told]:
        assert "S3CRETpw" not in text and yard.sealed_password not in text
    assert "one is stored" in pages[0] and "«changed»" in told


def test_an_empty_password_keeps_the_one_that_is_stored(owner: Client, yard: Camera) -> None:
    path = page_of(Camera, "change", yard.pk)
    owner.post(path, camera_fields(new_password="S3CRETpw"))
    owner.post(path, camera_fields(source="rtsp://10.0.0.9/stream2"))
    yard.refresh_from_db()
    assert yard.source_config().password == "S3CRETpw" and yard.address.endswith("stream2")


@pytest.mark.parametrize(
    "elsewhere", ["rtsp://10.0.0.66/stream1", "rtsp://10.0.0.9:8554/stream1", "http://10.0.0.9/x", "pattern:"]
)
def test_a_stored_password_is_not_taken_to_another_host(owner: Client, yard: Camera, elsewhere: str) -> None:
    path = page_of(Camera, "change", yard.pk)
    owner.post(path, camera_fields(new_password="S3CRETpw"))
    owner.post(path, camera_fields(source=elsewhere))
    yard.refresh_from_db()
    assert yard.source_config().password == "" and yard.source == elsewhere


def test_credentials_typed_into_the_address_are_split_off(owner: Client, yard: Camera) -> None:
    path = page_of(Camera, "change", yard.pk)
    typed = "rtsp://admin:S3CRETpw@10.0.0.9/stream1"
    page = owner.post(path, camera_fields(source=typed, name=""))
    assert page.status_code == 200 and "S3CRETpw" not in page.content.decode()
    owner.post(path, camera_fields(source=typed))
    yard.refresh_from_db()
    assert (yard.address, yard.username) == ("rtsp://10.0.0.9/stream1", "admin")
    assert yard.source_config().password == "S3CRETpw"


@pytest.mark.parametrize(
    "source",
    ["exec:/bin/sh", "file:/etc/passwd", "file:../x", "concat:a|b", "device:/dev/sda", "srt://x", "http://a b/", "", "ftp://u:S3CRETpw@h/"],
)  # fmt: skip
def test_sources_off_the_list_are_refused(owner: Client, yard: Camera, source: str) -> None:
    page = owner.post(page_of(Camera, "change", yard.pk), camera_fields(source=source))
    assert page.status_code == 200 and "errorlist" in page.content.decode() and "S3CRETpw" not in page.content.decode()
    yard.refresh_from_db()
    assert (yard.kind, yard.version) == ("pattern", 1)


def test_columns_of_the_engine_stay_the_engines(owner: Client, yard: Camera) -> None:
    page = owner.get(page_of(Camera, "change", yard.pk)).content.decode()
    assert 'name="state"' not in page and 'name="version"' not in page and 'name="sealed_password"' not in page
    Camera.objects.filter(pk=yard.pk).update(state="offline", reason="STALLED")
    owner.post(
        page_of(Camera, "change", yard.pk), camera_fields(state="online", reason="", version="99", sealed_password="x")
    )
    yard.refresh_from_db()
    assert (yard.state, yard.reason, yard.version) == ("offline", "STALLED", 2) and yard.source_config().password == ""


def test_a_camera_is_added_with_its_sharing(owner: Client, bob: User) -> None:
    sharing = {"grants-TOTAL_FORMS": "2", "grants-0-user": str(bob.pk), "grants-0-right": "watch", "grants-1-user": "",
               "grants-1-right": "log"}  # fmt: skip
    assert owner.post(page_of(Camera, "add"), camera_fields(**sharing)).status_code == 302
    camera = Camera.objects.get(slug="yard")
    assert set(camera.grants.values_list("user", "right")) == {(bob.pk, "watch"), (None, "log")}
    assert AuditEntry.objects.get().after["grants"] == ["all members: log", "bob: watch"]


def test_a_right_given_twice_in_one_go_is_told(owner: Client, yard: Camera) -> None:
    twice = {
        "grants-TOTAL_FORMS": "2",
        "grants-0-user": "",
        "grants-0-right": "log",
        "grants-1-user": "",
        "grants-1-right": "log",
    }
    page = owner.post(page_of(Camera, "change", yard.pk), camera_fields(**twice))
    assert page.status_code == 200 and "given twice" in page.content.decode() and not Grant.objects.exists()


@pytest.mark.parametrize("slug", ["add", "test", "discover", "Yard", "-x", "a/b"])
def test_slugs_that_no_camera_may_have(owner: Client, slug: str) -> None:
    assert (
        owner.post(page_of(Camera, "add"), camera_fields(slug=slug)).status_code == 200 and not Camera.objects.exists()
    )


def test_deleting_a_camera_leaves_the_log(owner: Client, viewing: ViewingSession, yard: Camera) -> None:
    assert owner.post(page_of(Camera, "delete", yard.pk), {"post": "yes"}).status_code == 302
    viewing.refresh_from_db()
    assert viewing.camera is None and viewing.camera_name == "Yard" and LogLine.objects.count() == 1
    assert AuditEntry.objects.first().what == "deleted camera yard"  # type: ignore[union-attr]


def test_grants_changed_one_by_one_are_noted(owner: Client, yard: Camera, bob: User) -> None:
    owner.post(page_of(Grant, "add"), {"camera": yard.pk, "user": bob.pk, "right": Right.WATCH})
    grant = Grant.objects.get()
    owner.post(page_of(Grant, "delete", grant.pk), {"post": "yes"})
    taken, given = AuditEntry.objects.all()
    assert (given.before, given.after) == ({"yard": []}, {"yard": ["bob: watch"]})
    assert (taken.before, taken.after) == ({"yard": ["bob: watch"]}, {"yard": []})


def person_fields(user: User, **more: str) -> dict[str, str]:
    fields = {"username": user.username, "role": user.role, "is_active": "on"}
    return {name: value for name, value in (fields | more).items() if value}


def test_people_are_added_changed_and_switched_off(owner: Client, client_of: Any) -> None:
    new = {"username": "dora", "role": "guest", "password1": PASSWORD, "password2": PASSWORD}
    assert owner.post(page_of(User, "add"), new).status_code == 302
    dora = User.objects.get(username="dora")
    assert dora.role == Role.GUEST and dora.check_password(PASSWORD) and not dora.is_staff
    theirs = client_of(dora)
    owner.post(page_of(User, "change", dora.pk), person_fields(dora, role="owner"))
    dora.refresh_from_db()
    assert dora.is_superuser and dora.is_staff
    owner.post(page_of(User, "change", dora.pk), person_fields(dora, is_active=""))
    assert theirs.get("/me/").status_code == 302 and Session.objects.count() == 1
    assert AuditEntry.objects.count() == 3 and PASSWORD not in str(list(AuditEntry.objects.values()))


def test_flags_behind_the_role_cannot_be_set(owner: Client, bob: User) -> None:
    owner.post(page_of(User, "change", bob.pk), person_fields(bob, is_superuser="on", is_staff="on"))
    bob.refresh_from_db()
    assert not bob.is_superuser and not bob.is_staff


@pytest.mark.parametrize("name", ["ALICE", "alíce", "a b"])
def test_admins_cannot_give_names_that_look_alike(owner: Client, bob: User, name: str) -> None:
    new = {"username": name, "role": "guest", "password1": PASSWORD, "password2": PASSWORD}
    assert owner.post(page_of(User, "add"), new).status_code == 200
    assert owner.post(page_of(User, "change", bob.pk), person_fields(bob, username=name)).status_code == 200
    assert User.objects.count() == 2


@pytest.mark.parametrize("change", [{"role": "member"}, {"is_active": ""}])
def test_the_last_owner_stays_here_too(owner: Client, alice: User, bob: User, change: dict[str, str]) -> None:
    page = owner.post(page_of(User, "change", alice.pk), person_fields(alice, **change))
    assert "The house needs an owner" in page.content.decode()
    assert owner.post(page_of(User, "delete", alice.pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [alice.pk], "post": "yes"}
    owner.post(page_of(User, "changelist"), chosen)
    alice.refresh_from_db()
    assert alice.is_owner and alice.is_active


def test_a_new_password_by_an_owner_ends_the_old_log_ins(owner: Client, bob: User, client_of: Any) -> None:
    his = client_of(bob)
    path = f"/admin/accounts/user/{bob.pk}/password/"
    assert 'name="usable_password"' not in owner.get(path).content.decode()
    fields = {"password1": "a much newer secret", "password2": "a much newer secret", "usable_password": "false"}
    assert owner.post(path, fields).status_code == 302
    bob.refresh_from_db()
    assert bob.check_password("a much newer secret") and his.get("/me/").status_code == 302
    entry = AuditEntry.objects.get()
    assert entry.what == "changed the password of bob" and entry.after == {"password": "«changed»"}


def test_digests_of_tokens_and_invitations_are_not_shown(owner: Client, alice: User) -> None:
    token, _ = ApiToken.objects.issue(alice, "television")
    invite, _ = Invite.objects.issue(Role.MEMBER, alice)
    for row in (token, invite):
        for path in (page_of(type(row), "changelist"), page_of(type(row), "change", row.pk)):
            assert row.digest not in owner.get(path).content.decode()
        assert owner.get(page_of(type(row), "add")).status_code == 403


def test_settings_are_saved_as_on_their_page(owner: Client) -> None:
    house = SiteSettings.load()
    fields = SETTINGS | {"site_name": "Smith house", "viewer_fps": "10", "time_zone": "UTC"}
    path = page_of(SiteSettings, "change", house.pk)
    assert owner.post(path, fields | {"viewer_fps": "900"}).status_code == 200
    outside = owner.post(path, fields | {"recordings_path": "/etc"})
    assert "is not inside one of the folders that STORAGE_ROOTS allows" in outside.content.decode()
    assert owner.post(path, fields).status_code == 302
    assert (
        SiteSettings.load().site_name == "Smith house"
        and AuditEntry.objects.get().what == "changed the house's settings"
    )
    assert "Smith house" in owner.get("/admin/").content.decode()
    assert owner.get(page_of(SiteSettings, "add")).status_code == 403
