"""Tokens of limited reach: chosen on one's own page or by addtoken, told everywhere, and held by every door."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from camera.access import RIGHTS, may_add
from camera.models import Camera, Grant, Recording, Right
from main.actors import token_actor
from main.models import AuditEntry
from tests.archive_cast import filed, picture
from tests.footage_cast import happened, looked
from tests.live_house import Voice, Web

WATCH, PLAYBACK, LOG, RECORD = Right.WATCH.value, Right.PLAYBACK.value, Right.LOG.value, Right.RECORD.value


def get(path: str, user: User, scopes: list[str] | None, **more: Any) -> Any:
    _, secret = ApiToken.objects.issue(user, "program", scopes)
    return Client().get(path, headers={"Authorization": f"Bearer {secret}"}, **more)


def made(client: Client, **fields: Any) -> Any:
    return client.post("/me/tokens/", {"name": "television", **fields})


def test_a_token_made_without_a_choice_watches_live_and_no_more(bob: User, client_of: Any) -> None:
    made(client_of(bob))
    assert ApiToken.objects.get().scopes == ["watch"]


@pytest.mark.parametrize(
    ("fields", "scopes"),
    [
        ({"reach": "some", "scopes": ["playback", "watch"]}, ["playback", "watch"]),
        ({"reach": "all"}, None),
        ({"reach": "all", "scopes": ["watch"]}, None),
        ({"scopes": ["log"]}, ["log"]),
    ],
)
def test_what_is_chosen_is_kept_and_told(bob: User, client_of: Any, fields: dict[str, Any], scopes: Any) -> None:
    client = client_of(bob)
    made(client, **fields)
    words = "everything its user may" if scopes is None else ", ".join(Right(one).label for one in sorted(scopes)[::-1])
    assert ApiToken.objects.get().scopes == scopes
    if scopes is None or len(scopes) == 1:
        assert f"Allowed: {words}" in client.get("/me/").content.decode()
        assert AuditEntry.objects.get().after == {"token": "television", "may": words}


@pytest.mark.parametrize("fields", [{"reach": "some"}, {"reach": "some", "scopes": ["fly"]}, {"reach": "most"}])
def test_a_choice_that_is_none_makes_no_token(bob: User, client_of: Any, fields: dict[str, Any]) -> None:
    page = made(client_of(bob), **fields).content.decode()
    assert not ApiToken.objects.exists() and 'class="invalid-feedback"' in page and "fw_" not in page


def test_the_page_offers_watching_alone_at_first(bob: User, client_of: Any) -> None:
    page = client_of(bob).get("/me/").content.decode()
    boxes = [box for box in page.split("<input")[1:] if 'type="checkbox"' in box.partition(">")[0]]
    assert [box.partition("</label>")[0].rpartition(">")[2] for box in boxes] == list(Right.labels)
    assert [" checked" in box.partition(">")[0] for box in boxes] == [True] + [False] * 6


def test_owners_see_the_reach_of_tokens_in_the_admin_site(alice: User, bob: User, client_of: Any) -> None:
    ApiToken.objects.issue(bob, "one", ["watch", "log"])
    ApiToken.objects.issue(bob, "two")
    page = client_of(alice).get("/admin/accounts/apitoken/").content.decode()
    assert "log, watch" in page and "everything its user may" in page
    token = ApiToken.objects.get(name="one")
    client_of(alice).post(f"/admin/accounts/apitoken/{token.pk}/delete/", {"post": "yes"})
    assert AuditEntry.objects.get().before == {"token": "one", "may": "log, watch"}


def addtoken(*arguments: str) -> str:
    out = StringIO()
    call_command("addtoken", *arguments, stdout=out)
    return out.getvalue().strip()


def test_addtoken_takes_scopes(bob: User) -> None:
    everything, some = addtoken("bob", "TV"), addtoken("bob", "TV", "--scopes", "playback, WATCH")
    assert (ApiToken.objects.valid(everything) or ApiToken()).scopes is None
    assert (ApiToken.objects.valid(some) or ApiToken()).scopes == ["playback", "watch"]
    assert {entry.after["may"] for entry in AuditEntry.objects.all()} == {
        "everything its user may", "watch live, look back at recordings",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scopes", "words"), [("watch,fly", "no right fly"), (",", "names no right"), ("", "names no")]
)
def test_addtoken_refuses_what_is_no_right(bob: User, scopes: str, words: str) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        addtoken("bob", "TV", "--scopes", scopes)
    assert "there are watch, playback" in str(refused.value) and not ApiToken.objects.exists()


@pytest.fixture
def footage(yard: Camera, bob: User) -> int:
    happened(yard, timezone.now())
    looked(bob, yard, timezone.now())
    recording = filed(yard, pk=1)
    picture(recording)
    return recording.pk


DOORS = {
    "/api/v1/cameras/yard": {WATCH},
    "/live/yard/frame.jpg": {WATCH},
    "/recordings/1/file/": {PLAYBACK},
    "/recordings/1/thumbnail/": {PLAYBACK},
}


@pytest.mark.parametrize("scope", [*Right.values, None, ""])
@pytest.mark.django_db(transaction=True)
def test_each_door_asks_for_its_own_right(footage: int, alice: User, scope: str | None) -> None:
    scopes = None if scope is None else [scope] if scope else []
    for path, needed in DOORS.items():
        status = get(path, alice, scopes).status_code
        if scope == "":
            assert status == 404, path
        elif scope is None or scope in needed:
            assert status in (200, 503), path  # 503: no engine runs, so there is no picture
        else:
            assert status == 403, path


@pytest.mark.parametrize(("what", "right"), [("cameras", WATCH), ("events", PLAYBACK), ("recordings", PLAYBACK)])
@pytest.mark.parametrize("scopes", [[WATCH], [PLAYBACK], [LOG], [], None])
def test_lists_hold_what_the_scopes_leave(
    footage: int, alice: User, what: str, right: str, scopes: list[str] | None
) -> None:
    items = get(f"/api/v1/{what}", alice, scopes).json()["items"]
    assert len(items) == (1 if scopes is None or right in scopes else 0)


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("scopes", [[WATCH], [WATCH, PLAYBACK], [LOG], [], None])
def test_who_has_looked_is_read_with_the_right_to_the_log(
    footage: int, alice: User, bob: User, who: str, scopes: list[str] | None
) -> None:
    user = User.objects.get(username=who)
    items = get("/api/v1/viewings", user, scopes).json()["items"]
    assert len(items) == (1 if scopes is None or LOG in scopes else 0)


@pytest.mark.parametrize(("scopes", "status"), [([WATCH], 403), ([PLAYBACK], 403), ([], 404)])
def test_nothing_is_recorded_without_that_scope(yard: Camera, alice: User, scopes: list[str], status: int) -> None:
    _, secret = ApiToken.objects.issue(alice, "program", scopes)
    reply = Client().post(
        "/api/v1/cameras/yard/record", json.dumps({"on": True}), content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip
    assert reply.status_code == status


@pytest.mark.parametrize(
    ("scopes", "status"), [([WATCH], 403), (sorted(RIGHTS - {LOG}), 403), (sorted(RIGHTS), 200), (None, 200)]
)
def test_figures_of_the_house_want_the_whole_reach(
    alice: User, bob: User, scopes: list[str] | None, status: int
) -> None:
    assert get("/metrics", alice, scopes).status_code == status
    assert get("/metrics", bob, scopes).status_code == 403


def test_scopes_give_nothing_that_the_user_has_not(yard: Camera, bob: User, bob_watches: Grant) -> None:
    assert get("/recordings/1/file/", bob, [PLAYBACK]).status_code == 404
    assert get("/live/yard/frame.jpg", bob, [PLAYBACK]).status_code == 404
    assert get("/api/v1/events", bob, sorted(RIGHTS)).json()["items"] == []


def test_a_token_adds_cameras_only_with_the_right_to_change_them(alice: User, bob: User) -> None:
    for user in (alice, bob):
        for scopes, may in (([WATCH], False), ([], False), (sorted(RIGHTS), True), (None, True)):
            _, secret = ApiToken.objects.issue(user, "program", scopes)
            assert may_add(token_actor(f"Bearer {secret}")[0], "rtsp") is may


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.mark.django_db(transaction=True)
def test_a_socket_shows_only_what_the_scopes_allow(voice: Voice, web: Web, alice: User, yard: Camera) -> None:
    voice.online(yard.pk)
    wanted = json.dumps({"watch": [{"camera": "yard", "as": "jpeg", "size": "full"}]})
    for scopes, shown in (([WATCH], True), ([PLAYBACK, LOG], False), ([], False)):
        _, secret = ApiToken.objects.issue(alice, "program", scopes)
        with web.socket(Authorization=f"Bearer {secret}") as socket:
            socket.send(wanted)
            message = json.loads(socket.recv(timeout=8))
            while "pong" in message or "state" in message:
                message = json.loads(socket.recv(timeout=8))
            assert (message.get("cameras") != [] and "error" not in message) is shown, (scopes, message)


@pytest.mark.parametrize(("scopes", "status"), [([PLAYBACK], 200), ([WATCH], 403), ([], 404), (None, 200)])
def test_footage_without_a_camera_is_an_owners_as_far_as_the_scopes_go(
    footage: int, alice: User, bob: User, scopes: list[str] | None, status: int
) -> None:
    Recording.objects.filter(pk=footage).update(camera=None)
    assert get("/recordings/1/file/", alice, scopes).status_code == status
    assert get("/recordings/1/file/", bob, scopes).status_code == 404
