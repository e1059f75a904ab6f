"""The one socket of a screen: the others do not open for it, and its own ends when it is sent away."""

import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import ApiToken, Device, Role, User
from accounts.pairing import revoke
from camera.models import Camera
from main.handshake import CLOSED_LOGGED_OUT
from tests.kiosk_kit import paired
from tests.live_house import Voice, Web

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Voice(), Web() as web:
        yield web


@pytest.fixture
def screen(alice: User, yard: Camera) -> tuple[Device, str]:
    """A screen, and its session as a Cookie header."""
    device, client = paired(alice, yard)
    return device, f"sessionid={client.cookies['sessionid'].value}"


def test_only_the_socket_of_rings_opens(web: Web, screen: tuple[Device, str]) -> None:
    for path in ("/ws/live/", "/ws/events/", "/ws/webcam/", "/ws/rings", "/ws/rings/../live/", "/ws/"):
        with pytest.raises(InvalidStatus) as refused:
            web.socket(path, Cookie=screen[1])
        assert refused.value.response.status_code == 403, path
    with web.socket("/ws/rings/", Cookie=screen[1]) as socket:
        first = json.loads(socket.recv(timeout=20))
        assert first["rings"] == []


def test_no_token_of_a_screen_opens_any(web: Web, screen: tuple[Device, str]) -> None:
    _, secret = ApiToken.objects.issue(screen[0].user, "sneaked in")
    for path in ("/ws/live/", "/ws/rings/", "/ws/webcam/"):
        with pytest.raises(InvalidStatus):
            web.socket(path, Authorization=f"Bearer {secret}")


def test_its_log_in_opens_nothing_more_when_its_user_becomes_an_owner(web: Web, screen: tuple[Device, str]) -> None:
    with web.socket("/ws/rings/", Cookie=screen[1]) as socket:
        socket.recv(timeout=20)
        User.objects.filter(pk=screen[0].user_id).update(role=Role.OWNER)
        for path in ("/ws/live/", "/ws/events/", "/ws/rings/"):
            with pytest.raises(InvalidStatus):
                web.socket(path, Cookie=screen[1])
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(timeout=20)


def test_sent_away_its_open_socket_ends(web: Web, screen: tuple[Device, str]) -> None:
    with web.socket("/ws/rings/", Cookie=screen[1]) as socket:
        socket.recv(timeout=20)
        assert revoke(screen[0])
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(timeout=20)
        assert socket.close_code == CLOSED_LOGGED_OUT
    with pytest.raises(InvalidStatus):
        web.socket("/ws/rings/", Cookie=screen[1])
