"""The pages of notifications, without a browser: what they take, what they refuse, and whose they are."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.logins import is_open
from accounts.models import User
from camera.models import Camera, Grant, Right
from camera.vault import unseal
from main.models import AuditEntry, LogLine
from main.notify import channels, pictures, words
from main.notify_models import Channel, Delivery, NotifyChoice, Rule
from tests.conftest import PASSWORD
from tests.live_house import DOT
from tests.notify_kit import rang
from tests.peers.push_service import Browser

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User | None], Client]
PUSH = "/notifications/push/"


def subscribe(client: Client, body: object) -> Any:
    return client.post(PUSH, json.dumps(body), content_type="application/json")


def test_a_browser_is_subscribed_and_unsubscribed(bob: User, client_of: ClientOf) -> None:
    client, browser = client_of(bob), Browser("http://127.0.0.1:9/x")
    assert client.get(PUSH + "key/").json()["told"] is False
    for name in ("Bob's phone", "Bob's phone again"):
        reply = subscribe(client, {"subscription": browser.subscription, "name": name})
        assert reply.status_code == 201
    channel = Channel.objects.get(pk=reply.json()["id"])
    assert (channel.user, channel.kind, channel.name) == (bob, "webpush", "Bob's phone again")
    assert client.get(PUSH + "key/").json()["told"] is True
    gone = client.delete(PUSH, json.dumps({"endpoint": browser.endpoint}), content_type="application/json")
    assert gone.status_code == 204 and not Channel.objects.exists()


@pytest.mark.parametrize(
    "body", [[], "x", {}, {"subscription": 5}, {"subscription": {"endpoint": "https://h/", "keys": {}}}], ids=str
)
def test_odd_bodies_are_refused_in_words(bob: User, client_of: ClientOf, body: object) -> None:
    reply = subscribe(client_of(bob), body)
    assert reply.status_code == 400 and reply.json()["error"]["message"]


def test_web_push_into_the_house_is_refused(bob: User, client_of: ClientOf, settings: Any) -> None:
    settings.ALLOW_LOOPBACK_CAMERAS = False
    for host in ("192.168.1.1", "127.0.0.1", "169.254.169.254"):
        reply = subscribe(client_of(bob), {"subscription": Browser(f"https://{host}/x").subscription})
        assert reply.status_code == 400
    assert not Channel.objects.exists()


def test_nobody_has_ways_without_end(bob: User, client_of: ClientOf) -> None:
    for number in range(channels.MOST):
        channels.add(bob, "email", str(number), f"{number}@example.org")
    assert subscribe(client_of(bob), {"subscription": Browser("http://127.0.0.1:9/x").subscription}).status_code == 409


def test_a_screen_has_no_notifications(bob: User, client_of: ClientOf) -> None:
    User.objects.filter(pk=bob.pk).update(role="kiosk")
    client = client_of(bob)
    assert client.get("/notifications/").status_code in (302, 403)
    assert subscribe(client, {}).status_code == 403


def test_an_address_is_confirmed_by_the_code_that_was_sent_there(bob: User, client_of: ClientOf, settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    client = client_of(bob)
    client.post("/notifications/ways/", {"kind": "email", "email-target": "bob@example.org"})
    channel = Channel.objects.get()
    assert not channel.enabled and Delivery.objects.filter(channel=channel, topic="").count() == 1
    page = client.get("/notifications/").content.decode()
    code = unseal(channel.sealed_secret)
    assert "Waits for the code" in page and code and code not in page
    act = f"/notifications/ways/{channel.pk}/"
    for wrong in ({"act": "confirm", "code": "AAAAAAAA"}, {"act": "on"}, {"act": "test"}, {"act": "nonsense"}):
        client.post(act, wrong)
        channel.refresh_from_db()
        assert not channel.enabled and Delivery.objects.count() == 1
    client.post(act, {"act": "confirm", "code": f" {code.lower()} "})
    channel.refresh_from_db()
    assert channel.enabled and not channel.sealed_secret


def test_strangers_are_not_flooded_with_codes(bob: User, client_of: ClientOf) -> None:
    client, sent = client_of(bob), 0
    for _ in range(2 * channels.MOST_CODES):
        reply = client.post("/notifications/ways/", {"kind": "email", "email-target": "stranger@example.org"})
        sent += Delivery.objects.count()
        for channel in Channel.objects.all():
            client.post(f"/notifications/ways/{channel.pk}/", {"act": "remove"})
    assert sent == channels.MOST_CODES
    assert reply.status_code == 400 and "Wait an hour" in reply.content.decode() and not Channel.objects.exists()


def test_no_code_is_said_to_be_on_its_way_without_a_mail_server(bob: User, client_of: ClientOf, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    client, values = client_of(bob), {"kind": "email", "email-target": "bob@example.org"}
    page = client.post("/notifications/ways/", values, follow=True).content.decode()
    assert "waits: the house has no mail server yet" in page and "on its way" not in page
    assert "The code has not left yet: the house has no mail server" in page
    settings.EMAIL_HOST = "mail.example.org"
    assert "Waits for the code that was sent there" in client.get("/notifications/").content.decode()
    Channel.objects.update(error="the mail server answers 554", failed_at=timezone.now())
    page = client.get("/notifications/").content.decode()
    assert "The code has not left yet, " in page and "the mail server answers 554" in page


@pytest.mark.parametrize("kind", ["apprise", "webhook"])
def test_only_owners_enter_addresses(bob: User, client_of: ClientOf, kind: str) -> None:
    client = client_of(bob)
    values = {"kind": kind, f"{kind}-label": "x", f"{kind}-target": "json://example.org"}
    assert client.post("/notifications/ways/", values).status_code == 403
    assert f'value="{kind}"' not in client.get("/notifications/").content.decode()
    assert not Channel.objects.exists()


def test_a_webhook_shows_its_secret_once(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    values = {
        "kind": "webhook",
        "webhook-label": "Home Assistant",
        "webhook-target": "http://ha.lan:8123/api/webhook/hidden-id",
    }
    page = client.post("/notifications/ways/", values).content.decode()
    (secret,) = re.findall(r'value="(fws_[\w-]+)"', page)
    again = client.get("/notifications/").content.decode()
    assert secret not in again and "hidden-id" not in again and "http://ha.lan/…" in again
    assert "hidden" not in str(list(AuditEntry.objects.values()))
    channel = Channel.objects.get()
    (other,) = re.findall(
        r'value="(fws_[\w-]+)"', client.post(f"/notifications/ways/{channel.pk}/", {"act": "secret"}).content.decode()
    )
    channel.refresh_from_db()
    assert other != secret and unseal(channel.sealed_secret) == other


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("email", {"target": "no address"}),
        ("email", {"target": "bob@exämple.org"}),
        ("email", {"target": "a@b.c\r\nBcc: x@y.z"}),
        ("webhook", {"label": "x", "target": "ftp://example.org"}),
        ("webhook", {"label": "", "target": "https://example.org"}),
        ("webhook", {"label": "a\x00b", "target": "https://example.org"}),
        ("apprise", {"label": "x", "target": "file:///etc/passwd"}),
        ("nonsense", {}),
    ],
)  # fmt: skip
def test_odd_ways_are_refused(alice: User, client_of: ClientOf, kind: str, values: dict[str, str]) -> None:
    sent = {"kind": kind} | {f"{kind}-{name}": value for name, value in values.items()}
    assert client_of(alice).post("/notifications/ways/", sent).status_code in (302, 400)
    assert not Channel.objects.exists()


def test_ways_and_rules_of_others_are_not_there(alice: User, bob: User, client_of: ClientOf) -> None:
    channel, rule = channels.add(alice, "email", "a", "a@example.org"), Rule.objects.create(user=alice, topics=["ring"])
    client = client_of(bob)
    assert client.post(f"/notifications/ways/{channel.pk}/", {"act": "remove"}).status_code == 404
    assert client.get(f"/notifications/rules/{rule.pk}/").status_code == 404
    assert client.post(f"/notifications/rules/{rule.pk}/", {"act": "remove"}).status_code == 404
    assert Channel.objects.exists() and Rule.objects.exists()


def test_the_first_rule_becomes_ones_own_when_it_is_changed(
    bob: User, yard: Camera, bob_watches: Grant, client_of: ClientOf
) -> None:
    client = client_of(bob)
    assert "Somebody rings" in client.get("/notifications/").content.decode()
    page = client.post("/notifications/rules/start/", {"act": "own"}, follow=True)
    rule = Rule.objects.get()
    assert page.redirect_chain == [(f"/notifications/rules/{rule.pk}/", 302)] and "Yard" in page.content.decode()
    values = {"topics": ["ring", "person"], "cameras": [yard.pk], "days": ["4"], "from_time": "22:00",
              "to_time": "07:00", "minutes": "0", "enabled": "on"}  # fmt: skip
    client.post(f"/notifications/rules/{rule.pk}/", values)
    (seen,) = words.rules_of(bob, True)
    assert seen.topics == "Somebody rings, a person"
    assert seen.rest == "Yard · by every way · Fri 22:00 to 07:00 · each by itself · without pictures"
    client.post("/notifications/rules/start/", {"act": "usual"})
    assert not Rule.objects.exists() and not NotifyChoice.objects.get().own_rules


def test_adding_a_rule_keeps_what_one_had(bob: User, client_of: ClientOf) -> None:
    client_of(bob).post("/notifications/rules/add/", {"topics": ["motion"], "minutes": "5", "enabled": "on"})
    assert [sorted(rule.topics)[0] for rule in Rule.objects.order_by("pk")] == ["camera_offline", "motion"]
    assert NotifyChoice.objects.get().own_rules


@pytest.mark.parametrize(
    "values",
    [
        {}, {"topics": ["nonsense"]}, {"cameras": ["1"]}, {"minutes": "-1"}, {"minutes": "1441"}, {"minutes": "x"},
        {"from_time": "22:00"}, {"to_time": "25:00"}, {"days": ["7"]}, {"channels": ["1"]},
    ],
    ids=str,
)  # fmt: skip
def test_odd_rules_are_refused(bob: User, yard: Camera, client_of: ClientOf, values: dict[str, Any]) -> None:
    """A camera of others is as unknown as one that is not there."""
    usual = {"topics": ["ring"], "minutes": "5"} if values else {"minutes": "5"}
    assert client_of(bob).post("/notifications/rules/add/", usual | values).status_code == 400
    assert not Rule.objects.exists()


def test_quiet_hours(bob: User, client_of: ClientOf) -> None:
    client = client_of(bob)
    values = {"quiet_from": "22:00", "quiet_to": "07:00", "quiet_days": ["0", "1"], "rings_anyway": "on"}
    client.post("/notifications/quiet/", values)
    assert "Quiet: Mon, Tue 22:00 to 07:00." in client.get("/notifications/").content.decode()
    assert client.post("/notifications/quiet/", {"quiet_from": "22:00"}).status_code == 400
    choice = NotifyChoice.objects.get()
    assert (choice.quiet_days, choice.rings_anyway) == ([0, 1], True)


def test_what_became_of_messages_is_shown(bob: User, client_of: ClientOf) -> None:
    channel = channels.add(bob, "email", "mail", "bob@example.org")
    channels.try_out(channel)
    Delivery.objects.update(state="failed", error="the mail server answers 554")
    page = client_of(bob).get("/notifications/?part=messages").content.decode()
    assert "A trial message" in page and "the mail server answers 554" in page and "<h1" not in page


@pytest.fixture
def pictured(yard: Camera) -> Any:
    event = rang(yard, image="events/yard/2026-11-22/ring_20261122_000000_aaaaaaaa.jpg")
    path = Path(settings.MEDIA_ROOT) / event.image
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(DOT)
    yield event, path
    path.unlink()


def test_the_picture_is_for_those_who_may_look_back(
    pictured: Any, alice: User, bob: User, charlie: User, bob_watches: Grant, client_of: ClientOf
) -> None:
    event, path = pictured
    url = f"/notifications/picture/{event.pk}/"
    assert [client_of(user).get(url).status_code for user in (alice, bob, charlie, None)] == [200, 403, 404, 302]
    assert LogLine.objects.count() == 1
    Grant.objects.create(camera=event.camera, user=bob, right=Right.PLAYBACK)
    small = pictures.kept(settings.RUN_DIR, path)
    assert pictures.small(settings.RUN_DIR, path) == small
    small.write_bytes(DOT + b"small")
    reply = client_of(bob).get(url)
    assert reply["Content-Length"] == str(len(DOT) + 5)
    assert reply["Content-Type"] == "image/jpeg"
    small.unlink()


def test_what_is_no_picture_makes_no_small_one(tmp_path: Path) -> None:
    odd = tmp_path / "odd.jpg"
    odd.write_bytes(b"\xff\xd8\xff" + b"x" * 5000)
    assert pictures.small(tmp_path, odd) is None and not pictures.kept(tmp_path, odd).exists()


def test_a_browser_stays_when_the_password_is_changed_in_it(bob: User, client_of: ClientOf) -> None:
    here, there = client_of(bob), client_of(bob)
    for name, client in (("here", here), ("there", there)):
        reply = subscribe(client, {"subscription": Browser(f"http://127.0.0.1:9/{name}").subscription, "name": name})
        assert reply.status_code == 201
    new = "another battery staple"
    changed = here.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert changed.status_code == 302
    bob.refresh_from_db()
    assert [(one.name, is_open(bob, one.login)) for one in Channel.objects.order_by("name")] == [
        ("here", True), ("there", False),
    ]  # fmt: skip
    assert here.get(PUSH + "key/").json()["told"] is True


def test_a_browser_that_is_logged_out_is_not_switched_on_from_elsewhere(bob: User, client_of: ClientOf) -> None:
    there = client_of(bob)
    subscribe(there, {"subscription": Browser("http://127.0.0.1:9/x").subscription})
    there.logout()
    Channel.objects.update(enabled=False)
    channel = Channel.objects.get()
    page = client_of(bob).post(f"/notifications/ways/{channel.pk}/", {"act": "on"}, follow=True).content.decode()
    assert "the log-in there has ended" in page and not Channel.objects.get().enabled
