"""camera/access.py, the one door: every role against every right, in the list and one by one."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from accounts.models import ApiToken, JoinLink, Role, User
from camera import keys
from camera.access import ANONYMOUS, RIGHTS, Actor, allowed_filter, camera_for, camera_to_feed, may_add, rights_on
from camera.models import Camera, Grant, Right
from main.actors import key_actor, link_actor, token_actor, user_actor

pytestmark = pytest.mark.django_db
KINDS = ("rtsp", "http", "v4l2", "file", "pattern")


def allowed(actor: Actor, right: str) -> set[str]:
    return set(Camera.objects.allowed(actor, right).values_list("slug", flat=True))


def person(name: str, role: str) -> tuple[User, Actor]:
    user = User.objects.create_user(name, role=role)
    return user, user_actor(user)


def test_an_owner_and_the_system_have_every_right(yard: Camera, alice: User) -> None:
    Camera.objects.create(name="Bob's", slug="bobs", kind="pattern")
    for actor in (user_actor(alice), Actor("system")):
        for right in Right.values:
            assert allowed(actor, right) == {"yard", "bobs"}
        assert rights_on(actor, yard) == RIGHTS


@pytest.mark.parametrize(
    "actor",
    [
        ANONYMOUS,
        Actor("user"),
        Actor("anonymous", user_id=1, role="owner"),
        Actor("guest", user_id=1, role="member"),
        Actor("", user_id=1, role="member"),
        Actor("user", user_id=1, role="admin"),
        Actor("user", user_id=1, role=""),
    ],
)
def test_nobody_known_has_no_right_even_where_all_members_have(actor: Actor, yard: Camera) -> None:
    Grant.objects.create(camera=yard, user=None, right=Right.WATCH)
    Grant.objects.create(camera=yard, user_id=yard.keeper_id, right=Right.WATCH)
    if actor.user_id is not None:
        actor = Actor(actor.kind, yard.keeper_id, actor.role)
    assert allowed(actor, Right.WATCH) == set()
    assert rights_on(actor, yard) == frozenset()
    with pytest.raises(Http404):
        camera_for(actor, "yard", Right.WATCH)


def test_a_stranger_is_told_there_is_no_such_camera(yard: Camera, charlie: User) -> None:
    with pytest.raises(Http404) as there:
        camera_for(user_actor(charlie), "yard", Right.WATCH)
    with pytest.raises(Http404) as nowhere:
        camera_for(user_actor(charlie), "nothing", Right.WATCH)
    assert str(there.value) == str(nowhere.value)


@pytest.mark.parametrize("odd", ["\ud800", "a\0", "yard\0", "garden🏡", ""])
def test_what_no_slug_can_be_is_no_camera(odd: str, yard: Camera, alice: User) -> None:
    with pytest.raises(Http404):
        camera_for(user_actor(alice), odd, Right.WATCH)
    for actor in (user_actor(alice), Actor("link", camera=yard.pk)):
        with pytest.raises(Http404):
            camera_to_feed(actor, odd)


@pytest.mark.parametrize("held", Right.values)
@pytest.mark.parametrize("asked", Right.values)
def test_a_grant_gives_its_own_right_and_no_other(held: str, asked: str, yard: Camera, bob: User) -> None:
    Grant.objects.create(camera=yard, user=bob, right=held)
    actor = user_actor(bob)
    assert allowed(actor, asked) == ({"yard"} if held == asked else set())
    if held == asked:
        assert camera_for(actor, "yard", asked).slug == "yard"
    else:
        with pytest.raises(PermissionDenied):
            camera_for(actor, "yard", asked)


def test_shared_with_all_members_reaches_members_and_not_guests(yard: Camera, bob: User) -> None:
    Grant.objects.create(camera=yard, user=None, right=Right.WATCH)
    assert allowed(user_actor(bob), Right.WATCH) == {"yard"}
    for role in (Role.GUEST, Role.KIOSK):
        _, actor = person(role, role)
        assert allowed(actor, Right.WATCH) == set()
        assert rights_on(actor, yard) == frozenset()


@pytest.mark.parametrize("role", [Role.GUEST, Role.KIOSK])
def test_guests_get_what_they_are_given_by_name(role: str, yard: Camera) -> None:
    user, actor = person("gina", role)
    Grant.objects.create(camera=yard, user=user, right=Right.WATCH)
    assert rights_on(actor, yard) == {Right.WATCH}
    assert allowed(actor, Right.WATCH) == {"yard"}


def test_a_keeper_has_every_right_while_a_member(yard: Camera, bob: User) -> None:
    yard.keeper = bob
    yard.save(update_fields=["keeper"])
    assert rights_on(user_actor(bob), yard) == RIGHTS
    assert allowed(user_actor(bob), Right.MANAGE) == {"yard"}
    bob.role = Role.GUEST
    bob.save(update_fields=["role"])
    assert rights_on(user_actor(bob), yard) == frozenset()
    assert allowed(user_actor(bob), Right.MANAGE) == set()


@pytest.mark.parametrize("scopes", [None, [], ["log"], ["watch", "manage"], sorted(RIGHTS), ["fly"]])
def test_the_list_and_the_single_question_agree(
    yard: Camera, alice: User, bob: User, charlie: User, scopes: list[str] | None
) -> None:
    second = Camera.objects.create(name="Two", slug="two", kind="push", keeper=bob)
    key = keys.issue(second)
    Grant.objects.create(camera=yard, user=bob, right=Right.LOG)
    Grant.objects.create(camera=second, user=None, right=Right.WATCH)
    _, guest = person("gina", Role.GUEST)
    secrets = [ApiToken.objects.issue(user, "TV", scopes)[1] for user in (alice, bob, charlie)]
    tokens = [token_actor(f"Bearer {secret}")[0] for secret in secrets]
    link, _ = JoinLink.objects.issue(second.pk, bob, 1)
    actors = [user_actor(bob), user_actor(charlie), *tokens, key_actor(key)[0], link_actor(link), guest, ANONYMOUS]
    assert [actor.kind for actor in actors[:-2]] == ["user", "user", *["token"] * 3, "key", "link"]
    for actor in actors:
        for right in Right.values:
            one_by_one = {camera.slug for camera in (yard, second) if right in rights_on(actor, camera)}
            assert allowed(actor, right) == one_by_one, (actor, right)
            assert actor.kind != "token" or scopes is None or right in scopes or not one_by_one


def test_a_key_sees_what_its_own_camera_sent_and_a_join_link_sees_nothing(yard: Camera, bob: User) -> None:
    own = Camera.objects.create(name="Own", slug="own", kind="push", keeper=bob)
    actor = key_actor(keys.issue(own))[0]
    assert rights_on(actor, own) == {Right.WATCH, Right.PLAYBACK} and rights_on(actor, yard) == frozenset()
    link = link_actor(JoinLink.objects.issue(own.pk, bob, 1)[0])
    assert rights_on(link, own) == rights_on(link, yard) == frozenset()
    for one in (actor, link):
        assert camera_to_feed(one, "own") == own
        with pytest.raises(Http404):
            camera_to_feed(one, "yard")


def test_several_grants_list_a_camera_once(yard: Camera, bob: User) -> None:
    Grant.objects.create(camera=yard, user=bob, right=Right.WATCH)
    Grant.objects.create(camera=yard, user=None, right=Right.WATCH)
    assert Camera.objects.allowed(user_actor(bob), Right.WATCH).count() == 1


def test_a_right_that_does_not_exist_is_a_fault_of_the_program(bob: User) -> None:
    with pytest.raises(ValueError, match="no such right"):
        allowed_filter(user_actor(bob), "everything")


def test_somebody_switched_off_is_nobody(bob: User) -> None:
    bob.is_active = False
    assert user_actor(bob) == ANONYMOUS


def test_who_may_add_what(alice: User, bob: User) -> None:
    assert {kind for kind in KINDS if may_add(user_actor(alice), kind)} == set(KINDS)
    assert {kind for kind in KINDS if may_add(user_actor(bob), kind)} == {"rtsp", "http", "pattern"}
    for role in (Role.GUEST, Role.KIOSK):
        _, actor = person(role, role)
        assert not any(may_add(actor, kind) for kind in KINDS)
    assert not any(may_add(ANONYMOUS, kind) for kind in KINDS)
