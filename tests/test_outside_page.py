"""/outside/: what a request looks like from inside the house, judged; and the lines for the address one wants."""

from typing import Any

import pytest

from accounts.models import User
from main.outside import AddressError, Seen, advice, changed_on_the_way, findings, is_home

HOME = {"host": "pi.local:8000"}
PROXY = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


def seen(host: str = "pi.local:8000", scheme: str = "http", peer: str = "192.168.1.5", **more: Any) -> Seen:
    return Seen(host, scheme, peer, more.get("forwarded", {}), more.get("origin", ""))


def found(name: str, of: Seen) -> tuple[str, tuple[str, ...]]:
    one = {one.name: one for one in findings(of)}[name]
    return one.verdict, one.lines


@pytest.fixture(autouse=True)
def _plain(settings: Any) -> None:
    settings.TLS, settings.TRUSTED_PROXIES, settings.CSRF_TRUSTED_ORIGINS = "off", [], []
    settings.ALLOWED_HOSTS = ["localhost", "pi.local", "[fe80::1]"]
    settings.PORT = 8000


def test_at_home_all_is_well_but_the_encryption() -> None:
    verdicts = {one.name: one.verdict for one in findings(seen(origin="http://pi.local:8000"))}
    assert verdicts == {
        "name": "good", "encryption": "note", "address": "good", "forms": "good", "websocket": "unknown",
        "cookie": "note",
    }  # fmt: skip
    assert found("encryption", seen())[1] == ("TLS=local",)


@pytest.mark.parametrize(
    ("tls", "trusted", "of", "verdict", "lines"),
    [
        ("local", [], seen(scheme="https"), "good", ()),
        ("local", [], seen(scheme="https", forwarded=PROXY), "note", ("TLS=proxy",)),
        ("proxy", ["127.0.0.1"], seen("a.example", "https", "203.0.113.9", forwarded=PROXY), "good", ()),
        ("off", ["127.0.0.1"], seen("a.example", "https", "203.0.113.9", forwarded=PROXY), "wrong", ("TLS=proxy",)),
        ("off", ["10.0.0.9"], seen("a.example", peer="10.0.0.7", forwarded=PROXY), "wrong",
         ("TLS=proxy", "TRUSTED_PROXIES=10.0.0.9,10.0.0.7")),
        ("off", [], seen("a.example"), "wrong", ()),
        ("proxy", ["127.0.0.1"], seen("a.example", peer="203.0.113.9"), "wrong", ()),
    ],
)  # fmt: skip
def test_encryption(
    settings: Any, tls: str, trusted: list[str], of: Seen, verdict: str, lines: tuple[str, ...]
) -> None:
    settings.TLS, settings.TRUSTED_PROXIES = tls, trusted
    assert found("encryption", of) == (verdict, lines)


@pytest.mark.parametrize(
    ("trusted", "of", "verdict", "lines"),
    [
        ([], seen(), "good", ()),
        ([], seen("localhost:8000", peer="127.0.0.1"), "good", ()),
        ([], seen("[::1]:8000", peer="::1"), "good", ()),
        ([], seen("a.example", peer="127.0.0.1"), "wrong", ("TRUSTED_PROXIES=127.0.0.1",)),
        ([], seen("a.example", peer="172.18.0.2", forwarded=PROXY), "wrong", ("TRUSTED_PROXIES=172.18.0.2",)),
        (["127.0.0.1"], seen("a.example", peer="203.0.113.9", forwarded=PROXY), "good", ()),
        (["127.0.0.1"], seen("a.example", peer="127.0.0.1", forwarded={"X-Real-IP": "203.0.113.9"}), "wrong",
         ("TRUSTED_PROXIES=127.0.0.1",)),
        (["::1"], seen("a.example", peer="2001:db8::9", forwarded={"X-Forwarded-For": "x, [2001:db8::9]"}), "good", ()),
    ],
)  # fmt: skip
def test_who_asks(settings: Any, trusted: list[str], of: Seen, verdict: str, lines: tuple[str, ...]) -> None:
    settings.TRUSTED_PROXIES = trusted
    assert found("address", of) == (verdict, lines)


def test_a_name_that_a_proxy_changed() -> None:
    of = seen("127.0.0.1:8000", forwarded={"X-Forwarded-Host": "a.example:8443"})
    assert found("name", of) == ("wrong", ("ALLOWED_HOSTS=a.example,localhost,pi.local",))


def test_forms_that_would_be_refused(settings: Any) -> None:
    of = seen("a.example", origin="https://a.example")
    assert found("forms", of) == ("wrong", ("CSRF_TRUSTED_ORIGINS=https://a.example",))
    settings.CSRF_TRUSTED_ORIGINS = ["https://a.example"]
    assert found("forms", of) == ("good", ())
    assert found("forms", seen())[0] == "unknown"


@pytest.mark.parametrize(
    ("typed", "address", "lines"),
    [
        ("https://Cameras.Example.org", "https://cameras.example.org",
         ["ALLOWED_HOSTS=cameras.example.org,localhost,pi.local", "TLS=proxy", "TRUSTED_PROXIES=127.0.0.1"]),
        ("cameras.example.org/", "https://cameras.example.org",
         ["ALLOWED_HOSTS=cameras.example.org,localhost,pi.local", "TLS=proxy", "TRUSTED_PROXIES=127.0.0.1"]),
        ("https://a.example:8443", "https://a.example:8443",
         ["ALLOWED_HOSTS=a.example,localhost,pi.local", "TLS=proxy", "TRUSTED_PROXIES=127.0.0.1",
          "CSRF_TRUSTED_ORIGINS=https://a.example:8443"]),
        ("https://pi.local:8000", "https://pi.local:8000", ["ALLOWED_HOSTS=pi.local,localhost", "TLS=local"]),
        ("http://192.168.1.20:8000", "http://192.168.1.20:8000",
         ["ALLOWED_HOSTS=192.168.1.20,localhost,pi.local", "TLS=off"]),
        ("https://[fd00::2]:8000", "https://[fd00::2]:8000",
         ["ALLOWED_HOSTS=[fd00::2],localhost,pi.local", "TLS=local"]),
    ],
)  # fmt: skip
def test_the_lines_for_an_address(typed: str, address: str, lines: list[str]) -> None:
    given = advice(typed, seen())
    assert (given.address, given.lines) == (address, lines)


def test_a_proxy_that_is_there_but_not_trusted_is_named_in_the_lines() -> None:
    given = advice("https://a.example", seen(peer="172.18.0.2", forwarded=PROXY))
    assert "TRUSTED_PROXIES=172.18.0.2" in given.lines


@pytest.mark.parametrize(
    "typed",
    ["https://", "ftp://a.example", "https://a b", "https://a.example/cameras", "https://u:p@a.example", "https://a:99999",
     "javascript:alert(1)", "https://a.example?x", "https://*.example", "https://[::1", "a\nDEBUG=true", "http://%00"],
)  # fmt: skip
def test_what_is_no_address_gets_no_lines(typed: str) -> None:
    with pytest.raises(AddressError):
        advice(typed, seen())


@pytest.mark.parametrize(
    ("host", "home"),
    [("localhost", True), ("pi", True), ("pi.local:8000", True), ("192.168.1.2", True), ("[fd00::1]:80", True),
     ("100.101.1.2", True), ("box.fritz.box", True), ("a.example", False), ("8.8.8.8:80", False), ("[2600::1]", False)],
)  # fmt: skip
def test_what_is_a_name_at_home(host: str, home: bool) -> None:
    assert is_home(host) is home


def test_another_sites_form_is_not_taken_for_a_proxys_fault() -> None:
    own = seen("a.example", origin="https://a.example")
    assert changed_on_the_way(own, "") and changed_on_the_way(own, "same-origin")
    assert not changed_on_the_way(seen("a.example", origin="https://evil.example"), "")
    assert not changed_on_the_way(seen("a.example", origin="https://evil.example"), "cross-site")
    assert not changed_on_the_way(own, "cross-site") and not changed_on_the_way(seen("a.example", origin="null"), "")
    assert changed_on_the_way(seen("10.0.0.7:8000", origin="https://a.example"), "same-origin")


@pytest.mark.django_db
def test_the_page_shows_verdicts_by_word_and_shape(alice: User, client_of: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["a.example"]
    headers = {"host": "a.example", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "<b>x</b>"}
    settings.SESSION_COOKIE_SECURE = False
    page = client_of(alice).get("/outside/", headers=headers).content.decode()
    for words in ("▲ Wrong", "◌ Not checked", "TRUSTED_PROXIES=127.0.0.1", "without JavaScript"):
        assert words in page
    assert "<b>x</b>" not in page and "&lt;b&gt;x" in page


@pytest.mark.django_db
def test_the_form_works_without_a_script_and_says_what_is_wrong(alice: User, client_of: Any) -> None:
    good = client_of(alice).get("/outside/", {"address": "https://cameras.example.org"}, headers=HOME)
    assert good.status_code == 200 and "● Good" in good.content.decode() and "◆ Note" in good.content.decode()
    assert "ALLOWED_HOSTS=cameras.example.org,localhost" in good.content.decode()
    for odd in ("javascript:alert(1)", "x" * 5000, "x." * 140, "\x00", "<script>"):
        bad = client_of(alice).get("/outside/", {"address": odd}, headers=HOME)
        assert bad.status_code == 400 and "rite it as https://" in bad.content.decode()
        assert "<script>" not in bad.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["bob", None])
def test_it_is_the_owners(bob: User, client_of: Any, who: str | None) -> None:
    reply = client_of(bob if who else None).get("/outside/", headers=HOME)
    assert reply.status_code == (403 if who else 302)
