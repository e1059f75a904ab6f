"""/ws/webcam/ through the real server and a real client; the lane to the engine is played."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import ApiToken, Role, User
from camera.models import Camera, Grant
from main import webcam_frames, webcam_socket
from main.models import AuditEntry
from main.pushing.picture import Answer
from tests.house import wait_for
from tests.live_house import Web, cookie_of
from tests.webcam_kit import JPEG, PlayedLane, closing, error, heard, jpeg, lane, say, send

__all__ = ["lane"]
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PATH = "/ws/webcam/"


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def pier(alice: User) -> Camera:
    return Camera.objects.create(name="Pier", slug="pier", kind="push", keeper=alice)


def test_the_first_hello_makes_ones_own_webcam(web: Web, lane: PlayedLane, bob: User) -> None:
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        assert not Camera.objects.exists()
        say(socket, hello={})
        answer = heard(socket, "taken")
        assert (answer["taken"], answer["rate"], answer["camera"]) == (0, 10, "webcam-bob")
        assert answer["name"] == "Webcam of bob" and abs(answer["now"] - time.time()) < 2
        at = send(socket)
        assert heard(socket, "taken")["taken"] == 1
    camera = Camera.objects.get()
    assert (camera.name, camera.kind, camera.webcam, camera.keeper) == ("Webcam of bob", "push", True, bob)
    assert not Grant.objects.exists()
    ((pk, picture),) = lane.got
    assert pk == camera.pk and (picture.data, picture.captured_at, picture.clock) == (JPEG, at, "source")
    assert (picture.width, picture.height, picture.late, picture.kind) == (64, 48, False, "")
    assert AuditEntry.objects.get(what="added camera webcam-bob").actor == "bob"


def test_the_second_start_finds_it_again(web: Web, lane: PlayedLane, bob: User, alice: User) -> None:
    Camera.objects.create(name="Taken", slug="webcam-bob", kind="pattern", keeper=alice)
    for _ in range(2):
        with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
            say(socket, hello={})
            assert heard(socket, "taken")["camera"] == "webcam-bob-2"
    assert Camera.objects.count() == 2


@pytest.mark.parametrize(("slug", "code"), [("pier", "gone"), ("yard", "gone"), ("nowhere", "gone")])
def test_only_what_one_manages_and_what_is_sent_to_is_fed(
    slug: str, code: str, web: Web, lane: PlayedLane, pier: Camera, yard: Camera, bob: User
) -> None:
    Grant.objects.create(camera=pier, user=bob, right="watch")
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        say(socket, hello={"camera": slug})
        assert error(socket) == code and closing(socket) == 4403


def test_a_manager_and_a_token_feed_a_named_camera(
    web: Web, lane: PlayedLane, pier: Camera, alice: User, bob: User
) -> None:
    Grant.objects.create(camera=pier, user=bob, right="manage")
    secret = ApiToken.objects.issue(bob, "tablet", ["manage"])[1]
    weak = ApiToken.objects.issue(bob, "clock", ["watch"])[1]
    for headers in ({"Cookie": cookie_of(alice)}, {"Authorization": f"Bearer {secret}"}):
        with web.socket(PATH, **headers) as socket:
            say(socket, hello={"camera": "pier"})
            assert heard(socket, "taken")["name"] == "Pier"
    with web.socket(PATH, Authorization=f"Bearer {weak}") as socket:
        say(socket, hello={})
        assert error(socket) == "not_allowed" and closing(socket) == 4403
    assert Camera.objects.count() == 1


def test_guests_have_no_webcam(web: Web, lane: PlayedLane, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(role=Role.GUEST)
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        say(socket, hello={})
        assert error(socket) == "not_allowed"
    assert not Camera.objects.exists()


def test_nobody_is_told_to_log_in(web: Web, lane: PlayedLane, alice: User) -> None:
    with web.socket(PATH) as socket:
        say(socket, hello={})
        assert error(socket) == "logged_out" and closing(socket) == 4401


def test_other_places_and_bad_tokens_get_no_socket(web: Web, alice: User) -> None:
    for headers in (
        {"Cookie": cookie_of(alice), "Origin": "https://elsewhere.example"},
        {"Cookie": cookie_of(alice), "Host": "elsewhere.example"},
        {"Authorization": "Bearer nonsense"},
    ):
        with pytest.raises(InvalidStatus) as refused:
            web.socket(PATH, **headers)
        assert refused.value.response.status_code in (400, 403)


def test_who_says_nothing_is_closed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcam_socket, "HELLO_SECONDS", 0.3)
    with web.socket(PATH) as socket:
        assert closing(socket) == 4408


ODD = ["", "{", "[]", "null", '{"hello":5}', '{"hello":{"camera":7}}', '{"hello":{"join":7}}', '{"ping":true}']


def test_odd_text_is_answered_and_nothing_breaks(web: Web, lane: PlayedLane, bob: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(webcam_socket, "SAME_ERROR_EVERY", 0.0)
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        for odd in ODD:
            socket.send(odd)
            assert error(socket) == "bad_request"
        send(socket)
        assert error(socket) == "bad_request"  # a picture before the hello
        with web.socket(PATH, Cookie=cookie_of(bob)) as other:
            other.send('{"hello":{"camera":"\\ud800"}}')  # half of a character
            assert error(other) == "gone" and closing(other) == 4403
        say(socket, ping=3)
        assert heard(socket, "pong")["pong"] == 3
        say(socket, hello={})
        heard(socket, "taken")
        say(socket, hello={})
        assert error(socket) == "bad_request"
    assert not lane.got


def test_a_capture_time_is_believed_within_ten_seconds(web: Web, lane: PlayedLane, bob: User) -> None:
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        say(socket, hello={})
        heard(socket, "taken")
        for n, (shift, believed) in enumerate(
            [(-8, True), (8, True), (-12, False), (12, False), (float("nan"), False)]
        ):
            at = send(socket, at=time.time() + shift)
            wait_for(lambda n=n: len(lane.got) > n, 3, "the picture")
            picture = lane.pictures[-1]
            assert (picture.clock == "source", picture.late) == (believed, False)
            assert picture.captured_at == at if believed else abs(picture.captured_at - time.time()) < 2


@pytest.mark.parametrize("bad", [b"", JPEG[:-40], b"x" * 500, b"\x89PNG" + b"x" * 500, jpeg(8, 8)])
def test_bad_pictures_are_told_and_twenty_in_a_row_end_it(
    bad: bytes, web: Web, lane: PlayedLane, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webcam_frames, "MOST_FPS", 100.0)
    monkeypatch.setattr(webcam_socket, "MOST_BAD", 3)
    monkeypatch.setattr(webcam_socket, "SAME_ERROR_EVERY", 0.0)
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        say(socket, hello={})
        heard(socket, "taken")
        # A good one in between: they are counted in a row.
        for data in (bad, bad, JPEG, bad, bad):
            send(socket, data)
            if data is JPEG:
                heard(socket, "taken", lambda taken: taken == 1)
            else:
                assert error(socket) in ("bad_image", "unsupported_media_type")
        send(socket, bad)
        assert closing(socket) == 4400
    assert lane.pictures and all(picture.data == JPEG for picture in lane.pictures)


def test_a_message_of_more_than_a_mebibyte_is_too_long(web: Web, lane: PlayedLane, bob: User) -> None:
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        say(socket, hello={})
        heard(socket, "taken")
        send(socket, JPEG[:-2] + b"\0" * 500_000 + JPEG[-2:])
        heard(socket, "taken", lambda taken: taken == 1)
        with suppress(ConnectionClosed):  # it may be closed before all of it is sent
            socket.send(b"\0" * (1024 * 1024 + 1))
        assert closing(socket) == 1009
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        socket.send("x" * 5000)
        assert closing(socket) == 1009


def test_ten_a_second_are_taken_and_the_newest_is_among_them(web: Web, lane: PlayedLane, bob: User) -> None:
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        say(socket, hello={})
        heard(socket, "taken")
        began = time.time()
        for n in range(60):
            last = send(socket)
            wait_for(lambda due=began + n / 40: time.time() >= due, 2)
        wait_for(lambda: lane.pictures[-1].captured_at == last, 3, "the newest")
        assert 10 <= len(lane.got) <= 19  # a second and a half at ten a second
        assert heard(socket, "taken", lambda taken: taken == len(lane.got))["rate"] == 10


def test_a_busy_house_asks_for_fewer_and_a_fault_is_told(web: Web, lane: PlayedLane, bob: User) -> None:
    lane.answer = Answer(429, "too_many_requests", "Too fast.", 30.0)
    with web.socket(PATH, Cookie=cookie_of(bob)) as socket:
        say(socket, hello={})
        heard(socket, "taken")
        send(socket)
        assert heard(socket, "rate") == {"taken": 0, "rate": 5}
        lane.answer = Answer(503, "engine_down", "The engine does not answer.")
        send(socket)
        assert heard(socket, "error")["error"] == {"code": "engine_down", "message": "The engine does not answer."}
        lane.answer = Answer(202)
        send(socket)
        assert heard(socket, "taken", lambda taken: taken == 1)["rate"] > 5


def test_a_second_sender_takes_over(web: Web, lane: PlayedLane, bob: User) -> None:
    with web.socket(PATH, Cookie=cookie_of(bob)) as first, web.socket(PATH, Cookie=cookie_of(bob)) as second:
        say(first, hello={})
        heard(first, "taken")
        say(second, hello={})
        heard(second, "taken")
        assert error(first) == "taken_over" and closing(first) == 4409
        send(second)
        heard(second, "taken", lambda taken: taken == 1)
    wait_for(lambda: not webcam_socket.WebcamConsumer.senders, 3, "nobody left")
