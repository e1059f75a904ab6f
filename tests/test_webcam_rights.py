"""Who may go on sending, asked again all the time: log-outs, lost rights, join links that end."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import JoinLink, Role, User
from camera.models import Camera, Grant
from main import feeding, webcam_socket
from main.actors import Login
from main.models import AuditEntry
from main.pushing.picture import Answer
from main.webcam_frames import Pace
from tests.house import wait_for
from tests.live_house import Web, cookie_of
from tests.webcam_kit import JPEG, PlayedLane, closing, error, heard, lane, say, send

__all__ = ["lane"]
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PATH = "/ws/webcam/"


@pytest.fixture
def web(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr(webcam_socket, "RIGHTS_EVERY", 0.2)
    with Web() as web:
        yield web


@pytest.fixture
def pier(alice: User) -> Camera:
    return Camera.objects.create(name="Pier", slug="pier", kind="push", keeper=alice, webcam=True)


def test_rights_are_asked_again_within_three_seconds() -> None:
    assert webcam_socket.RIGHTS_EVERY <= 3 and webcam_socket.RIGHTS_UNKNOWN <= 10


def _logs_out(bob: User, pier: Camera, client: Client) -> None:
    client.post("/accounts/logout/")


def _is_shut_out(bob: User, pier: Camera, client: Client) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)


def _loses_the_right(bob: User, pier: Camera, client: Client) -> None:
    Grant.objects.all().delete()


def _loses_the_camera(bob: User, pier: Camera, client: Client) -> None:
    pier.delete()


def _is_switched_off(bob: User, pier: Camera, client: Client) -> None:
    Camera.objects.update(enabled=False)


@pytest.mark.parametrize(
    ("happens", "code", "close"),
    [(_logs_out, "logged_out", 4401), (_is_shut_out, "logged_out", 4401), (_loses_the_right, "gone", 4403),
     (_loses_the_camera, "gone", 4403), (_is_switched_off, "disabled", 1013)],
)  # fmt: skip
def test_who_may_not_send_any_more_is_told_and_closed(
    happens: Callable[[User, Camera, Client], None], code: str, close: int, web: Web, lane: PlayedLane,
    bob: User, pier: Camera,
) -> None:  # fmt: skip
    Grant.objects.create(camera=pier, user=bob, right="manage")
    client = Client()
    client.force_login(bob)
    cookie = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
    with web.socket(PATH, Cookie=cookie) as socket:
        say(socket, hello={"camera": "pier"})
        heard(socket, "taken")
        send(socket)
        heard(socket, "taken", lambda taken: taken == 1)
        happens(bob, pier, client)
        assert error(socket) == code and closing(socket) == close


def test_a_join_link_needs_no_log_in_and_shows_two_names(web: Web, lane: PlayedLane, pier: Camera, alice: User) -> None:
    link, secret = JoinLink.objects.issue(pier.pk, alice, 1)
    with web.socket(PATH) as socket:
        say(socket, hello={"join": secret})
        answer = heard(socket, "taken")
        assert set(answer) == {"taken", "rate", "now", "camera", "name", "house"} and answer["name"] == "Pier"
        send(socket)
        heard(socket, "taken", lambda taken: taken == 1)
        entry = AuditEntry.objects.get(what__contains="join link")
        assert (entry.actor, entry.what) == ("guest of alice", "used a join link of camera pier for the first time")
        assert secret not in json.dumps([entry.before, entry.after])
        link.refresh_from_db()
        assert link.last_used_at is not None
        JoinLink.objects.update(revoked_at=timezone.now())
        assert error(socket) == "link_over" and closing(socket) == 4403
    assert [pk for pk, _ in lane.got] == [pier.pk]


@pytest.mark.parametrize("secret", ["", "x", "nonsense" * 4, "x" * 300])
def test_no_other_word_opens(secret: str, web: Web, pier: Camera) -> None:
    with web.socket(PATH) as socket:
        say(socket, hello={"join": secret})
        assert error(socket) == "link_over" and closing(socket) == 4403


def test_a_wrong_link_does_not_fall_back_to_the_log_in(web: Web, pier: Camera, alice: User) -> None:
    with web.socket(PATH, Cookie=cookie_of(alice)) as socket:
        say(socket, hello={"join": "nonsense", "camera": "pier"})
        assert error(socket) == "link_over"


def over_by_time(link: JoinLink) -> None:
    JoinLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def over_by_its_maker(link: JoinLink) -> None:
    User.objects.filter(pk=link.made_by_id).update(is_active=False)


def over_by_a_lost_right(link: JoinLink) -> None:
    User.objects.filter(pk=link.made_by_id).update(role=Role.MEMBER)
    Camera.objects.update(keeper=None)


def over_without_a_camera(link: JoinLink) -> None:
    Camera.objects.all().delete()


@pytest.mark.parametrize("ends", [over_by_time, over_by_its_maker, over_by_a_lost_right, over_without_a_camera])
def test_a_link_ends_with_all_it_stands_on(ends: Callable[[JoinLink], None], pier: Camera, alice: User) -> None:
    link, secret = JoinLink.objects.issue(pier.pk, alice, 1)
    feeder = feeding.admit(feeding.link_login(secret))
    feeding.ask_again(feeder)
    ends(link)
    with pytest.raises(feeding.RefusedError) as refused:
        feeding.ask_again(feeder)
    assert refused.value.code == "link_over"


def test_a_link_opens_its_own_camera_alone(pier: Camera, alice: User) -> None:
    Camera.objects.create(name="Other", slug="other", kind="push", keeper=alice)
    login = feeding.link_login(JoinLink.objects.issue(pier.pk, alice, 1)[1])
    assert feeding.admit(login, "pier").camera == pier.pk
    for slug in ("other", "nowhere"):
        with pytest.raises(feeding.RefusedError) as refused:
            feeding.admit(login, slug)
        assert refused.value.code == "gone"


def test_the_last_use_is_written_once_a_minute(pier: Camera, alice: User) -> None:
    link, secret = JoinLink.objects.issue(pier.pk, alice, 1)
    login = feeding.link_login(secret)
    feeding.admit(login)
    first = JoinLink.objects.get().last_used_at
    feeding.admit(login)
    assert JoinLink.objects.get().last_used_at == first
    earlier = timezone.now() - timedelta(seconds=61)
    JoinLink.objects.update(last_used_at=earlier)
    feeding.admit(login)
    used = JoinLink.objects.get().last_used_at
    assert used is not None and used > earlier
    assert AuditEntry.objects.filter(what__contains="first time").count() == 1


def test_a_camera_of_the_same_name_made_anew_is_another(pier: Camera, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    feeder = feeding.admit(Login(session_key=client.session.session_key or ""), "pier")
    pier.delete()
    Camera.objects.create(name="Pier", slug="pier", kind="push", keeper=alice)
    with pytest.raises(feeding.RefusedError) as refused:
        feeding.ask_again(feeder)
    assert refused.value.code == "gone"


def post(web: Web, body: bytes = b"", path: str = "/webcam/frames/", **headers: str) -> tuple[int, dict[str, object]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    try:
        connection.request("POST", path, body=body, headers=named)
        reply = connection.getresponse()
        return reply.status, dict(json.loads(reply.read()))
    finally:
        connection.close()


def test_single_posts_by_link(web: Web, lane: PlayedLane, pier: Camera, alice: User) -> None:
    secret = JoinLink.objects.issue(pier.pk, alice, 1)[1]
    status, hello = post(web, X_Join_Token=secret)
    assert status == 200 and (hello["name"], hello["taken"]) == ("Pier", 0)
    at = time.time() - 0.5
    status, answer = post(web, JPEG, X_Join_Token=secret, X_Captured_At=f"{at:.3f}")
    assert (status, answer["taken"]) == (200, 1)
    assert lane.pictures[0].captured_at == pytest.approx(at, abs=0.001) and lane.pictures[0].clock == "source"
    assert post(web, JPEG, X_Join_Token=secret)[0] == 429  # at most ten a second
    wait_for(lambda: post(web, JPEG, X_Join_Token=secret, X_Captured_At="soon")[0] == 200, 3, "the next")
    assert lane.pictures[-1].clock == "arrival"
    assert post(web, b"x" * 100, X_Join_Token=secret)[0] == 400
    JoinLink.objects.update(revoked_at=timezone.now())
    status, answer = post(web, JPEG, X_Join_Token=secret)
    assert status == 401 and answer["error"]["code"] == "link_over"  # type: ignore[index]


def test_single_posts_by_log_in_need_the_token_against_forgery(web: Web, lane: PlayedLane, bob: User) -> None:
    client = Client()
    client.force_login(bob)
    client.get("/webcam/")
    token = client.cookies["csrftoken"].value
    cookie = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
    assert post(web, Cookie=cookie)[0] == post(web, X_CSRFToken=token)[0] == 403
    assert not Camera.objects.exists()
    status, hello = post(web, Cookie=cookie, X_CSRFToken=token)
    assert status == 200 and hello["camera"] == "webcam-bob"
    assert post(web, JPEG, "/webcam/frames/?camera=webcam-bob", Cookie=cookie, X_CSRFToken=token)[0] == 200
    assert post(web, JPEG, "/webcam/frames/?camera=nowhere", Cookie=cookie, X_CSRFToken=token)[0] == 404
    client.post("/accounts/logout/")
    assert post(web, JPEG, Cookie=cookie, X_CSRFToken=token)[0] == 401


def test_the_pace_falls_when_the_house_is_busy_and_rises_slowly() -> None:
    pace = Pace()
    for _ in range(6):
        pace.learn(Answer(429))
    assert pace.rate == 0.5
    pace.learn(Answer(503))
    assert pace.rate == 0.5
    for _ in range(100):
        pace.learn(Answer(202))
    assert pace.rate == 10
