"""Behind a proxy, through the real server: who is believed, what is said where it is not, and who may open a socket."""

import http.client
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from websockets.exceptions import InvalidStatus

from accounts.models import User
from tests.conftest import PASSWORD
from tests.live_house import Voice, Web, cookie_of

pytestmark = pytest.mark.django_db(transaction=True)
PROXY = {"Host": "cameras.example.org", "X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https"}


@pytest.fixture
def behind(settings: Any, transactional_db: None) -> Iterator[Callable[..., Web]]:
    """A web process with the given settings; ended after the test."""
    open_ones: list[Web] = []

    def make(**values: Any) -> Web:
        for name, value in ({"ALLOWED_HOSTS": ["cameras.example.org", "localhost"]} | values).items():
            setattr(settings, name, value)
        open_ones.append(Web().__enter__())
        return open_ones[-1]

    with Voice():
        yield make
        for web in open_ones:
            web.__exit__(None, None, None)


def get(web: Web, path: str, headers: dict[str, str]) -> tuple[int, str]:
    client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    client.request("GET", path, headers=headers)
    reply = client.getresponse()
    body = reply.read().decode()
    client.close()
    return reply.status, body


def verdict(page: str, name: str) -> str:
    found = re.search(rf'class="finding finding-(\w+)" id="finding-{name}"', page)
    assert found is not None
    return found.group(1)


def test_a_trusted_proxy_is_believed_and_its_last_word_counts(behind: Any, alice: User) -> None:
    web = behind(TLS="proxy", TRUSTED_PROXIES=["127.0.0.1"])
    status, page = get(web, "/outside/", PROXY | {"Cookie": cookie_of(alice)})
    assert status == 200 and "You come from 203.0.113.9, as the trusted proxy says." in page
    assert verdict(page, "encryption") == verdict(page, "address") == verdict(page, "name") == "good"


def test_nobody_else_is_believed(behind: Any, alice: User) -> None:
    web = behind(TLS="off", TRUSTED_PROXIES=["10.0.0.1"])
    _, page = get(web, "/outside/", PROXY | {"Cookie": cookie_of(alice)})
    assert verdict(page, "encryption") == verdict(page, "address") == "wrong"
    assert "<code>TRUSTED_PROXIES=10.0.0.1,127.0.0.1</code>" in page and "<code>TLS=proxy</code>" in page


def test_an_untrusted_proxy_gets_words_instead_of_a_circle(behind: Any, caplog: pytest.LogCaptureFixture) -> None:
    web = behind(TLS="proxy", TRUSTED_PROXIES=["10.0.0.1"])
    for _ in range(3):
        status, page = get(web, "/", PROXY)
        assert status == 400 and "not trusted yet" in page
        assert "127.0.0.1" not in page and "10.0.0.1" not in page
    told = [record.getMessage() for record in caplog.records if "is not trusted" in record.getMessage()]
    assert len(told) == 1 and "TRUSTED_PROXIES=10.0.0.1,127.0.0.1" in told[0]
    assert get(web, "/healthz", PROXY)[0] in (200, 503)


@pytest.mark.parametrize(
    ("origin", "trusted", "let_in"),
    [
        ("https://127.0.0.1:{port}", [], True),
        ("https://cameras.example.org", [], False),
        ("https://cameras.example.org", ["https://cameras.example.org"], True),
        ("HTTPS://Cameras.example.org", ["https://cameras.example.org"], True),
        ("http://cameras.example.org", ["https://cameras.example.org"], False),
        ("https://evil.example", ["https://cameras.example.org"], False),
        ("null", ["https://cameras.example.org"], False),
    ],
)
def test_sockets_come_from_this_house_or_where_it_was_told(
    behind: Any, alice: User, origin: str, trusted: list[str], let_in: bool
) -> None:
    web = behind(TLS="proxy", TRUSTED_PROXIES=["127.0.0.1"], CSRF_TRUSTED_ORIGINS=trusted, ALLOWED_HOSTS=["127.0.0.1"])
    headers = {"X-Forwarded-Proto": "https", "Cookie": cookie_of(alice), "Origin": origin.format(port=web.port)}
    if let_in:
        with web.socket(**headers) as socket:
            socket.send('{"ping": 1}')
            assert '"pong":1' in str(socket.recv(timeout=8)).replace(" ", "")
    else:
        with pytest.raises(InvalidStatus):
            web.socket(**headers)


@pytest.mark.parametrize("tls", ["proxy", "local"])
def test_a_socket_past_the_encryption_is_refused(behind: Any, alice: User, settings: Any, tls: str) -> None:
    web = behind(TLS="off", ALLOWED_HOSTS=["127.0.0.1"])
    settings.TLS = tls
    with pytest.raises(InvalidStatus):
        web.socket(Cookie=cookie_of(alice))
    settings.TLS = "off"
    web.socket(Cookie=cookie_of(alice)).close()


def test_who_came_by_http_is_sent_on_to_https(settings: Any, db: None) -> None:
    settings.TLS, settings.SECURE_SSL_REDIRECT = "proxy", True
    for headers in ({}, {"X-Forwarded-Proto": "http"}):
        reply = Client().get("/", headers=headers)
        assert (reply.status_code, reply.headers["Location"]) == (301, "https://testserver/")
    assert Client().get("/", headers={"X-Forwarded-Proto": "https"}).status_code == 400


def posted(**headers: str) -> str:
    client = Client(enforce_csrf_checks=True)
    reply = client.post("/accounts/login/", {"login": "alice", "password": PASSWORD}, headers=headers)
    assert reply.status_code == 403
    return reply.content.decode()


def test_a_form_that_a_proxy_spoils_is_explained(alice: User, caplog: pytest.LogCaptureFixture) -> None:
    page = posted(host="localhost", origin="https://localhost", sec_fetch_site="same-origin")
    assert "https://localhost" in page and "http://localhost" in page and "Nothing was changed" in page
    said = next(record.getMessage() for record in caplog.records if "forms are refused" in record.getMessage())
    assert "CSRF_TRUSTED_ORIGINS=https://localhost" in said


def test_a_form_of_another_site_is_told_nothing_of_the_kind(alice: User) -> None:
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {}, {"sec_fetch_site": "cross-site"}):
        page = posted(host="localhost", **headers)
        assert "evil" not in page and "too old" in page
