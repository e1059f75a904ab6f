"""Each way a message may take, by its own sender, against real servers that are good, slow, silent or odd."""

import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from main.notify import apprising, mail, webhook, webpush, wire
from main.notify.jobs import House, Job, Message, Result
from main.serving.certificates import ensure_certificates
from tests.peers.mail_server import MailServer
from tests.peers.push_service import Browser, PushService

MESSAGE = Message(
    "Yard: somebody rings", "14:02:31.", "ring-12", "ring", "/rings/12/", 1_800_000_000.0, facts={"id": 12}
)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "large.jpg"
    colours = np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8)
    path.write_bytes(cv2.imencode(".jpg", cv2.resize(colours, (1600, 900)))[1].tobytes())
    return path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    house = House("Home", "https://home.example.org", "", tmp_path / "run", loopback=True)
    return Job(7, 3, "webhook", "", "fws_secret", MESSAGE, house)


def test_a_webhook_is_signed_and_carries_the_picture(job: Job, picture: Path) -> None:
    with PushService(lambda post: 204) as target:
        result = webhook.send(replace(job, target=f"{target.origin}/hook?a=b", picture=picture))
        (post,) = target.wait(1)
    assert result.result == Result.SENT and post.path == "/hook?a=b"
    signed = post.headers["x-fairwatch-timestamp"].encode() + b"." + post.body
    assert post.headers["x-fairwatch-signature"] == "v1=" + hmac.new(b"fws_secret", signed, hashlib.sha256).hexdigest()
    assert abs(int(post.headers["x-fairwatch-timestamp"]) - time.time()) < 60
    body = json.loads(post.body)
    assert body["events"] == [{"id": 12}] and body["url"] == "https://home.example.org/rings/12/"
    assert body["delivery"] == 7 and post.headers["x-fairwatch-delivery"] == "7"
    small = cv2.imdecode(np.frombuffer(base64.b64decode(body["picture"]["base64"]), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (360, 640, 3)


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, "sent"), (302, "again"), (401, "again"), (404, "again"), (410, "gone"), (413, "refused"), (500, "again")],
)
def test_what_a_webhook_answers(job: Job, status: int, result: str) -> None:
    with PushService(lambda post: status) as target:
        target.headers = {"Location": f"{target.origin}/elsewhere"}
        assert webhook.send(replace(job, target=f"{target.origin}/")).result == result
        assert len(target.posts) == 1  # no redirect is followed


def test_a_target_may_ask_to_be_left_alone(job: Job) -> None:
    with PushService(lambda post: 429) as target:
        target.headers = {"Retry-After": "77"}
        assert webhook.send(replace(job, target=target.origin)).wait == 77


def test_a_target_that_says_nothing_is_left_in_time(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.5)
    with PushService(lambda post: None) as target:
        outcome = webhook.send(replace(job, target=target.origin))
    assert (outcome.result, outcome.words) == (Result.AGAIN, wire.TOO_LATE)


def test_a_target_that_drips_is_left_in_time(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes within the time-out of a single read, the end never."""
    monkeypatch.setattr(webhook, "SECONDS", 0.8)
    with MailServer(drips=True) as target:
        begun = time.monotonic()
        outcome = webhook.send(replace(job, target=f"http://127.0.0.1:{target.port}/"))
    assert (outcome.result, outcome.words) == (Result.AGAIN, wire.TOO_LATE) and time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "http://[::1]/", "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/"]
)  # fmt: skip
def test_webhooks_stay_away_from_this_machine(job: Job, url: str) -> None:
    outcome = webhook.send(replace(job, target=url, house=replace(job.house, loopback=False)))
    assert outcome.result == Result.AGAIN and "address of this machine or a reserved one" in outcome.words


@pytest.mark.parametrize(
    "host",
    ["192.168.1.1", "10.0.0.1", "172.16.3.4", "100.64.0.1", "127.0.0.1", "[fd00::1]", "[fec0::1]", "[::ffff:10.0.0.1]",
     "[64:ff9b::10.0.0.1]", "[2002:a00:1::1]", "[::10.0.0.1]"],
)  # fmt: skip
def test_web_push_reaches_no_address_of_the_house(host: str) -> None:
    check = wire.public_target(False)
    with pytest.raises((wire.WireError, wire.SourceError)):
        check(host.strip("[]"), 443, 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://push.example.org/x"}, {"endpoint": "https://user:pass@push.example.org/x"},
        {"endpoint": "https:///x"}, {"endpoint": "file:///etc/passwd"}, {"endpoint": "https://a b/x"}, {"endpoint": 5},
        {"endpoint": "https://push.example.org/" + "x" * 1000}, {"endpoint": "https://h:99999/x"},
        {"endpoint": "https://[2001:db8::1]/x"}, {"keys": None},
        {"keys": {"p256dh": "AAAA", "auth": "AAAA"}}, {"keys": {"p256dh": "B" * 87, "auth": "A" * 22}},
    ],
    ids=str,
)  # fmt: skip
def test_odd_subscriptions_are_refused(change: dict[str, Any]) -> None:
    good = Browser("https://push.example.org/x").subscription
    assert json.loads(webpush.subscription(good, False))["endpoint"] == "https://push.example.org/x"
    for odd in (good | change, None, [], "x"):
        with pytest.raises(webpush.BadSubscriptionError):
            webpush.subscription(odd, False)


def test_long_words_are_cut_to_what_services_take() -> None:
    made = webpush.payload(replace(MESSAGE, title="Ü" * 5000, body="漢" * 5000))
    assert len(made) <= webpush.MOST_BYTES and json.loads(made)["title"].startswith("Ü" * 40)


@pytest.fixture
def by_mail(job: Job, settings: Any) -> Iterator[tuple[Job, MailServer]]:
    with MailServer() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_FROM = "127.0.0.1", server.port, "Home <h@example.org>"
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield replace(job, kind="email", target="bob@example.org"), server


def test_a_mail_with_its_picture(by_mail: tuple[Job, MailServer], picture: Path) -> None:
    job, server = by_mail
    sent = [mail.send(replace(job, picture=picture)).result for _ in range(2)]
    first, second = server.wait(2)
    assert sent == [Result.SENT] * 2
    assert (first["To"], first["From"]) == ("bob@example.org", "Home <h@example.org>")
    assert first["Subject"] == "Yard: somebody rings · Home"
    assert "https://home.example.org/rings/12/" in first.get_body().get_content()  # type: ignore[union-attr]
    (attached,) = first.iter_attachments()
    assert attached.get_content_type() == "image/jpeg" and len(attached.get_content()) > 1000
    # Sent again after a crash it is the same mail.
    assert first["Message-ID"] == second["Message-ID"]


def test_a_title_cannot_make_headers(by_mail: tuple[Job, MailServer]) -> None:
    job, server = by_mail
    odd = replace(job.message, title="Yard\r\nBcc: eve@example.org\n\nhello")
    assert mail.send(replace(job, message=odd)).result == Result.SENT
    (got,) = server.wait(1)
    assert got["Bcc"] is None and got["Subject"].startswith("Yard Bcc: eve@example.org hello")


@pytest.mark.parametrize(("code", "result"), [(550, Result.REFUSED), (450, Result.AGAIN)])
def test_an_address_that_is_refused(by_mail: tuple[Job, MailServer], code: int, result: Result) -> None:
    job, server = by_mail
    server.refused = code
    outcome = mail.send(job)
    assert outcome.result == result and str(code) in outcome.words


@pytest.mark.parametrize("how", [{"silent": True}, {"drips": True}], ids=str)
def test_a_mail_server_that_hangs(
    job: Job, settings: Any, monkeypatch: pytest.MonkeyPatch, how: dict[str, bool]
) -> None:
    monkeypatch.setattr(mail, "SECONDS", 0.8)
    with MailServer(**how) as server:  # type: ignore[arg-type]
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        outcome = mail.send(replace(job, target="bob@example.org"))
    assert (outcome.result, outcome.words) == (Result.AGAIN, wire.TOO_LATE)


def test_tls_mail_is_cut_too(job: Job, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake gets no answer."""
    monkeypatch.setattr(mail, "SECONDS", 0.8)
    with MailServer(silent=True) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = False, True
        assert mail.send(replace(job, target="bob@example.org")).words == wire.TOO_LATE


@pytest.mark.parametrize("later", [True, False])
def test_mail_by_tls_and_only_to_a_server_that_is_trusted(
    job: Job, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    made = ensure_certificates(tmp_path / "tls", ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    with MailServer(tls=context, later=later) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", server.port
        settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = later, not later
        outcome = mail.send(replace(job, target="bob@example.org"))
        assert outcome.result == Result.AGAIN and "certificate" in outcome.words and not server.mails
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        assert mail.send(replace(job, target="bob@example.org")).result == Result.SENT
        assert server.wait(1)


def test_without_a_mail_server_it_is_said(job: Job, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    assert mail.send(job).words == mail.NO_SERVER


@pytest.mark.slow
def test_apprise_sends_words_and_picture(job: Job, picture: Path) -> None:
    with PushService(lambda post: 200) as target:
        url = f"json://user:hunter22@127.0.0.1:{target.port}/x"
        assert apprising.send(replace(job, target=url, picture=picture)).result == Result.SENT
        (post,) = target.wait(1)
    body = json.loads(post.body)
    assert body["title"] == "Yard: somebody rings" and "https://home.example.org/rings/12/" in body["message"]
    assert body["attachments"][0]["mimetype"] == "image/jpeg"


@pytest.mark.slow
def test_what_apprise_says_of_a_failure_holds_no_secret(job: Job) -> None:
    with PushService(lambda post: 500) as target:
        outcome = apprising.send(replace(job, target=f"json://user:hunter22@127.0.0.1:{target.port}/x"))
    assert outcome.result == Result.AGAIN and outcome.words and "hunter22" not in outcome.words
    # Words for people, not a line of a log.
    assert outcome.words[0].isalpha() and "WARNING" not in outcome.words


@pytest.mark.slow
def test_an_apprise_target_that_hangs_is_ended(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprising, "SECONDS", 3.0)
    with PushService(lambda post: None) as target:
        outcome = apprising.send(replace(job, target=f"json://127.0.0.1:{target.port}/x?rto=300&cto=300"))
    assert (outcome.result, outcome.words) == (Result.AGAIN, wire.TOO_LATE)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "vapid://me@example.org/x", "dbus://", "json", "fcm://p/k?keyfile=/etc/x",
     "workflows://h/w/s?template=/etc/passwd", "json://a b", "json://" + "x" * 2000, "syslog://",
     "discord://1234567890/abc?y=1;template=/etc/x", "discord://1234567890/abc?%20template=/etc/x",
     "discord://1234567890/abc#?template=/etc/x", "discord://1234567890/abc?%54emplate%20=/etc/x"],
)  # fmt: skip
def test_apprise_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(apprising.BadAddressError):
        apprising.check(url)


@pytest.mark.slow
def test_an_apprise_address_is_known_by_its_service() -> None:
    assert apprising.check("ntfys://topic") == "ntfy"
    with pytest.raises(apprising.BadAddressError):
        apprising.check("nothing://x")
