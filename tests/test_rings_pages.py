"""The pages of rings, their form, the API's answer, and what is said at the door in the settings."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from camera.models import Camera, Grant
from main.models import Attention, RingAnswer, SiteSettings
from tests.ring_cast import ringing

Clients = Callable[[User | None], Client]


@pytest.fixture(autouse=True)
def _no_engine(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is not there; nobody waits for it."""
    monkeypatch.setattr("main.rings.TELL_SECONDS", 0.01)


def test_where_nobody_has_rung_owners_are_told_what_to_do_next(
    alice: User, bob: User, yard: Camera, bob_watches: Grant, client_of: Clients
) -> None:
    User.objects.filter(pk=alice.pk).update(role="owner")
    page = client_of(alice).get("/rings/").content.decode()
    assert "First tick" in page and 'href="/people/kiosks/"' in page
    Camera.objects.filter(pk=yard.pk).update(doorbell=True)
    page = client_of(alice).get("/rings/").content.decode()
    assert "First tick" not in page and "Put up a button" in page
    page = client_of(bob).get("/rings/").content.decode()
    assert "Nobody has rung yet" in page and "/people/kiosks/" not in page


def test_the_list_says_who_waits_who_was_missed_and_who_answered(
    alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant, client_of: Clients
) -> None:
    User.objects.update(date_joined=timezone.now() - timedelta(days=1))
    yard.name = "Hof שלום <b>"
    yard.save(update_fields=["name"])
    RingAnswer.objects.create(event=ringing(yard, ago=900), user=alice, user_name="alice", text="Wait <i>")
    missed = ringing(yard, ago=600, presses=2)
    ringing(yard, ago=5)
    browser = client_of(bob)
    page = browser.get("/rings/").content.decode()
    assert "waiting now" in page and "nobody answered" in page and "Hof שלום &lt;b&gt;" in page
    assert "pressed 2 times" in page and "Wait &lt;i&gt;" in page and "At the door: 1 missed ring" in page
    assert f'name="up_to" value="{missed.pk}"' in page
    assert "Hof" not in client_of(charlie).get("/rings/").content.decode()
    for odd in ("", "x", "-1", "1" * 30, "٣"):
        assert browser.post("/rings/seen/", {"up_to": odd}).status_code == 302
    assert not Attention.objects.exists()
    assert browser.post("/rings/seen/", {"up_to": missed.pk}).headers["Location"] == "/rings/"
    page = browser.get("/rings/").content.decode()
    assert "You have missed nobody." in page and "nobody answered" in page  # among those before


def test_an_answer_by_form_by_htmx_and_by_script(
    alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant, client_of: Clients
) -> None:
    row = ringing(yard)
    path = f"/rings/{row.pk}/answer/"
    browser, owner = client_of(bob), client_of(alice)
    assert browser.post(path, {"text": "Coming!"}).headers["Location"] == f"/rings/{row.pk}/"
    told = owner.post(path, {"own": "Later"}, headers={"accept": "application/json"}).json()
    assert (told["first"], told["answered_by"]) == (False, "bob")
    assert [(one["by"], one["text"]) for one in told["answers"]] == [("bob", "Coming!"), ("alice", "Later")]
    page = owner.post(path, {"text": ""}, follow=True).content.decode()
    assert "bob answered first." in page and "Your answer stands" in page
    part = browser.post(path, {"text": "Hm"}, headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part and "<strong>You</strong>" in part
    assert "<html" not in browser.get(f"/rings/{row.pk}/?part=answers").content.decode()
    assert client_of(charlie).post(path, {"text": "Hi"}).status_code == 404
    assert client_of(None).post(path, {"text": "Hi"}).status_code == 302
    assert row.answers.count() == 4
    # The event says it as well.
    page = owner.get(f"/events/{row.pk}/").content.decode()
    assert "answered first" in page and f'href="/rings/{row.pk}/">Answer' in page


def test_an_answer_that_is_none_is_shown_with_what_is_wrong(alice: User, yard: Camera, client_of: Clients) -> None:
    path = f"/rings/{ringing(yard).pk}/answer/"
    browser = client_of(alice)
    reply = browser.post(path, {"own": "x" * 201})
    assert (
        reply.status_code == 400
        and "at most 200 letters" in reply.content.decode()
        and "x" * 201 in reply.content.decode()
    )
    for data in ({}, {"own": "  "}):
        assert "Write what is to be said" in browser.post(path, data).content.decode()
    reply = browser.post(path, {"own": "a\x07"}, headers={"accept": "application/json"})
    assert reply.status_code == 400 and "control characters" in reply.json()["error"]["message"]
    assert browser.get(path).status_code == 405
    assert not RingAnswer.objects.exists()


def test_the_page_of_a_ring_whose_camera_has_gone(alice: User, bob: User, yard: Camera, client_of: Clients) -> None:
    row = ringing(yard, ago=500)
    yard.delete()
    page = client_of(alice).get(f"/rings/{row.pk}/").content.decode()
    assert "by now they have probably gone" in page and "/live/" not in page
    assert client_of(bob).get(f"/rings/{row.pk}/").status_code == 404


def test_the_api_answers(alice: User, bob: User, charlie: User, yard: Camera, bob_watches: Grant) -> None:
    row = ringing(yard)
    path = f"/api/v1/events/{row.pk}/answer"

    def post(user: User, body: object, scopes: list[str] | None = None) -> tuple[int, dict[str, object]]:
        secret = ApiToken.objects.issue(user, "x", scopes)[1]
        reply = Client().post(path, json.dumps(body), "application/json", headers={"authorization": f"Bearer {secret}"})
        return reply.status_code, reply.json()

    status, told = post(bob, {"text": "Coming!"}, ["watch"])
    assert status == 200 and list(told) == ["first", "answered_by", "answers"]
    assert told["first"] is True and told["answered_by"] == "bob"
    assert post(alice, {"text": ""})[1]["first"] is False
    assert post(charlie, {"text": "Hi"})[0] == 404
    assert post(alice, {"text": "Hi"}, ["log"])[0] == 403
    for odd in ({}, {"text": 1}, {"text": "x" * 201}, {"text": "a\nb"}, [], "x"):
        assert post(alice, odd)[0] == 400, odd
    assert row.answers.count() == 2
    for pk in ("0", "-1", "x", "1" * 40, "٣", "1.0"):
        reply = Client().post(
            f"/api/v1/events/{pk}/answer", headers={"authorization": f"Bearer {ApiToken.objects.issue(alice, 'y')[1]}"}
        )
        assert reply.status_code in (400, 404), pk


def test_a_forged_answer_is_refused(alice: User, yard: Camera) -> None:
    row = ringing(yard)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.post(f"/rings/{row.pk}/answer/", {"text": "Hi"}).status_code == 403
    assert browser.post(f"/api/v1/events/{row.pk}/answer", "{}", "application/json").status_code == 403
    assert not RingAnswer.objects.exists()


def settings_with(browser: Client, **values: str) -> str:
    """The settings page after saving these values; the others stay as they are."""
    form = browser.get("/settings/").context["form"]
    now = {name: "" if form[name].value() is None else form[name].value() for name in form.fields}
    data = {name: value for name, value in (now | values).items() if value is not False}
    return browser.post("/settings/", data, follow=True).content.decode()


def test_what_is_said_at_the_door_is_set_by_owners(alice: User, client_of: Clients) -> None:
    browser = client_of(alice)
    page = settings_with(
        browser,
        ring_replies=" Komme! \r\n\r\nKomme!\nMoment",
        kiosk_texts="en: Please ring once.\n\n de: Bitte einmal klingeln. \nund warten",
        house_url="https://home.example.org/",
    )
    assert "The settings are saved." in page
    house = SiteSettings.load()
    assert house.ring_replies == "Komme!\nMoment"
    assert house.kiosk_texts == "en: Please ring once.\nde: Bitte einmal klingeln.\nund warten"
    assert house.house_url == "https://home.example.org"
    # Every page has them at hand for when somebody rings.
    assert 'value="Moment"' in browser.get("/logs/").content.decode()
    assert "The settings are saved." in settings_with(browser, ring_replies="", kiosk_texts="", house_url="")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("ring_replies", "x" * 201, "at most 200 letters"),
        ("ring_replies", "\n".join(map(str, range(13))), "At most 12 replies"),
        ("ring_replies", "a\x07b", "control characters"),
        ("kiosk_texts", "Please ring", "Begin each language with its code"),
        ("kiosk_texts", "en: Ring\nde:", "needs its text"),
        ("kiosk_texts", "en: " + "x" * 301, "at most 300 letters"),
        ("kiosk_texts", "en: a\x07", "control characters"),
        ("house_url", "javascript:alert(1)", "Write only where the house is"),
        ("house_url", "https://a:b@home.example.org", "Write only where the house is"),
        ("house_url", "https://home.example.org/?x=1", "Write only where the house is"),
        ("house_url", "https://home.example.org/a/b", "Write only where the house is"),
        ("house_url", "home", "Write only where the house is"),
    ],
)
def test_what_cannot_stand_there_is_told(field: str, value: str, words: str, alice: User, client_of: Clients) -> None:
    before = getattr(SiteSettings.load(), field)
    assert words in settings_with(client_of(alice), **{field: value})
    assert getattr(SiteSettings.load(), field) == before
