"""Somebody rings, and two members of the house have pages open: real Chromium over the real application."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from accounts.models import User
from camera import bus
from camera.models import Camera, Event, Grant, Right
from main import ring_feed
from main.models import Attention, RingAnswer, ViewingSession
from tests.house import wait_for
from tests.live_house import Voice, Web, cookie_of
from tests.ring_cast import pressed, ringing
from tests.test_webcam_e2e import keep_pictures
from tests.wall_kit import chromium, drawn, showing, wall_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
# Counts the strokes of every bell, whichever way a browser makes sound.
STROKES = """
window.strokes = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...given) { window.strokes += 1; return start.apply(this, given); };
window.badges = [];
document.addEventListener("fairwatch:badge", ({ detail }) => window.badges.push(detail));
"""
# Without a screen Chromium lets every page sound; on a desk only one that somebody has touched. To ask a page as tests
# do counts as a touch, so the answer is the test's own.
UNTOUCHED = """
let touched = false;
addEventListener("pointerdown", () => { touched = true; }, { capture: true, once: true });
const state = Object.getOwnPropertyDescriptor(BaseAudioContext.prototype, "state").get;
Object.defineProperty(BaseAudioContext.prototype, "state", {
  get() { return touched ? state.call(this) : "suspended"; },
});
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from chromium()


@pytest.fixture
def house(transactional_db: None) -> Iterator[tuple[Web, Voice]]:
    ring_feed._current = None
    with Voice() as voice, Web() as web:
        yield web, voice
    ring_feed._current = None


@pytest.fixture
def front(alice: User, bob: User) -> Camera:
    """The camera at the door. Alice keeps it, Bob may watch and look back."""
    camera = Camera.objects.create(name="Front door", slug="front-door", kind="push", doorbell=True, keeper=alice)
    for right in (Right.WATCH, Right.PLAYBACK):
        Grant.objects.create(camera=camera, user=bob, right=right)
    return camera


@pytest.fixture
def tell(house: tuple[Web, Voice]) -> Callable[[Event], Event]:
    def say(row: Event) -> Event:
        wait_for(lambda: b"event:" in house[1].wanted, 20, "the subscription")
        house[1].raw(bus.topic("event", row.camera_id or 0), {"event": row.pk})
        return row

    return say


def page_of(browser: Browser, web: Web, user: User, path: str = "/rings/", **options: object) -> Page:
    """A page whose line for rings is open."""
    page = wall_of(browser, web, cookie_of(user), "/healthz", **options)
    page.context.add_init_script(STROKES + UNTOUCHED)
    page.goto(path)
    wait_for(lambda: page.evaluate("window.badges.length > 0"), 20, "the line for rings")
    return page


def card_of(page: Page) -> Locator:
    return page.get_by_role("article", name="Somebody rings: Front door")


def test_two_members_see_the_ring_at_once_with_its_picture_and_who_answers_first(
    browser: Browser, house: tuple[Web, Voice], front: Camera, alice: User, bob: User, tell: Callable[[Event], Event]
) -> None:
    web, voice = house
    with showing(voice, [front]):
        hers, his = page_of(browser, web, alice, "/logs/"), page_of(browser, web, bob, "/")
        hers.locator("h1").click()  # touched: it may sound
        began = time.monotonic()
        row = tell(ringing(front))
        for page in (hers, his):
            expect(card_of(page)).to_be_visible()
            expect(page).to_have_title(re.compile("^● Front door rings"))
        assert time.monotonic() - began < 10
        wait_for(lambda: drawn(hers, "front-door"), 20, "the live picture")
        wait_for(lambda: hers.evaluate("window.strokes") > 0, 20, "the chime")
        # Nobody has touched his page: he is told why there is no chime, and hears it when he does.
        expect(card_of(his).get_by_text("No chime")).to_be_visible()
        assert his.evaluate("window.strokes") == 0
        keep_pictures(hers, "ring-card")
        card_of(his).get_by_role("button", name="Coming!").click()
        wait_for(lambda: his.evaluate("window.strokes") > 0, 20, "the chime that was owed")
        expect(card_of(his)).to_contain_text("You answered first: Coming!")
        expect(card_of(hers)).to_contain_text("bob answered first: Coming!")
        expect(hers).not_to_have_title(re.compile("rings"))
        card_of(hers).get_by_role("button", name="One moment, please.").click()
        expect(card_of(hers)).to_contain_text("You: One moment, please.")
        wait_for(lambda: row.answers.count() == 2, 20, "both answers")
        assert list(row.answers.values_list("user_name", "text")) == [
            ("bob", "Coming!"), ("alice", "One moment, please."),
        ]  # fmt: skip
        # What was shown stands in the log, and does not count as watching on purpose.
        assert set(ViewingSession.objects.values_list("user_name", "counts")) >= {("alice", False)}
        # It was read: the card goes by itself.
        hers.mouse.move(5, 800)
        hers.locator("body").evaluate("() => document.activeElement.blur()")
        expect(card_of(hers)).to_be_hidden(timeout=30_000)
        for page in (hers, his):
            page.context.close()


def test_a_card_that_is_closed_stays_closed_until_somebody_presses_again(
    browser: Browser, house: tuple[Web, Voice], front: Camera, bob: User, tell: Callable[[Event], Event]
) -> None:
    web, voice = house
    voice.offline(front.pk)
    page = page_of(browser, web, bob, "/events/")
    other = page.context.new_page()
    other.goto("/logs/")
    wait_for(lambda: other.evaluate("window.badges.length > 0"), 20, "the line for rings")
    row = tell(ringing(front))
    expect(card_of(page)).to_contain_text("▲ No picture")
    # Nobody was anywhere on the page: the keyboard begins at the card, and Escape closes it on all pages of the device.
    expect(card_of(page)).to_be_focused()
    expect(card_of(other)).to_be_visible()
    page.keyboard.press("Escape")
    expect(card_of(page)).to_be_hidden()
    expect(card_of(other)).to_be_hidden()
    page.goto("/logs/")
    wait_for(lambda: page.evaluate("window.badges.length > 0"), 20, "the line for rings")
    assert card_of(page).count() == 0
    pressed(row, timezone.now())
    Event.objects.filter(pk=row.pk).update(changed_at=timezone.now())
    tell(row)
    expect(card_of(page)).to_contain_text("pressed 2 times")
    page.context.close()


def test_a_ring_while_the_house_was_away_is_told_when_it_is_back(
    browser: Browser, house: tuple[Web, Voice], front: Camera, bob: User
) -> None:
    web, _ = house
    ringing(front, ago=30)
    page = wall_of(browser, web, cookie_of(bob), "/logs/")
    expect(card_of(page)).to_be_visible()
    page.context.close()


def test_the_bell_and_the_list_of_what_was_missed(
    browser: Browser, house: tuple[Web, Voice], front: Camera, alice: User, bob: User, tell: Callable[[Event], Event]
) -> None:
    web, _ = house
    User.objects.update(date_joined=timezone.now() - timedelta(days=1))
    page = page_of(browser, web, bob)
    bell = page.get_by_role("link", name=re.compile("^At the door: "))
    expect(bell).to_have_count(0)
    tell(ringing(front, ago=300, presses=2))
    expect(bell).to_have_accessible_name("At the door: 1 missed ring, 1 new event")
    assert page.evaluate("window.badges.at(-1)") == {"missed": 1, "unseen": 1}
    bell.click()
    expect(page.get_by_text("nobody answered")).to_be_visible()
    expect(page.get_by_text("pressed 2 times")).to_be_visible()
    keep_pictures(page, "rings-missed")
    page.get_by_role("button", name="I have seen it").click()
    expect(page.get_by_text("You have missed nobody.")).to_be_visible()
    expect(bell).to_have_accessible_name("At the door: 1 new event")
    bell.click()
    page.wait_for_url("**/events/")
    expect(page.get_by_role("link", name="At the door", exact=True).first).to_be_visible()
    seen = Attention.objects.get(user=bob)
    assert seen.rings_seen == seen.events_seen == Event.objects.get().pk
    assert not Attention.objects.filter(user=alice).exists()
    page.context.close()


def test_the_page_of_a_ring_answers_with_own_words_and_hears_others(
    browser: Browser, house: tuple[Web, Voice], front: Camera, alice: User, bob: User, tell: Callable[[Event], Event]
) -> None:
    web, voice = house
    row = ringing(front)
    with showing(voice, [front]):
        page = page_of(browser, web, bob, f"/rings/{row.pk}/")
        wait_for(lambda: drawn(page, "front-door"), 20, "the live picture")
        assert card_of(page).count() == 0
        page.get_by_label("Own words").fill("Zwei Minuten 🙂")
        page.get_by_role("button", name="Say it").click()
        expect(page.get_by_text("You answered first: Zwei Minuten 🙂")).to_be_visible()
        expect(page.get_by_label("Own words")).to_have_value("")
        RingAnswer.objects.create(event=row, user=alice, user_name="alice", text="")
        tell(row)
        expect(page.get_by_text("alice sees to it too")).to_be_visible()
        page.get_by_role("button", name="Say it").click()
        expect(page.get_by_role("alert").filter(has_text="Write what is to be said")).to_be_visible()
        keep_pictures(page, "ring-page")
        page.context.close()


def test_without_javascript_a_ring_is_answered_all_the_same(
    browser: Browser, house: tuple[Web, Voice], front: Camera, bob: User
) -> None:
    row = ringing(front)
    page = wall_of(browser, house[0], cookie_of(bob), "/rings/", java_script_enabled=False)
    page.get_by_role("link", name=re.compile("Front door")).click()
    page.get_by_role("button", name="Please leave it at the door.").click()
    expect(page.get_by_text("You answered first: Please leave it at the door.")).to_be_visible()
    assert row.answers.get().user == bob
    page.context.close()


def test_the_chime_is_switched_off_for_this_device(
    browser: Browser, house: tuple[Web, Voice], front: Camera, bob: User, tell: Callable[[Event], Event]
) -> None:
    web, voice = house
    voice.offline(front.pk)
    page = page_of(browser, web, bob)
    page.get_by_role("button", name="Hear it").click()
    wait_for(lambda: page.evaluate("window.strokes") > 0, 20, "the chime")
    page.get_by_text("Chime on open pages").click()
    page.reload()
    wait_for(lambda: page.evaluate("window.badges.length > 0"), 20, "the line for rings")
    expect(page.get_by_label("Chime on open pages")).not_to_be_checked()
    page.get_by_role("heading", name="At the door").click()
    tell(ringing(front))
    expect(card_of(page)).to_be_visible()
    expect(card_of(page)).to_contain_text("▲ No picture")
    assert page.evaluate("window.strokes") == 0
    page.context.close()


def test_a_card_comes_over_full_screen_and_fits_a_phone_whatever_the_name(
    browser: Browser, house: tuple[Web, Voice], front: Camera, bob: User, tell: Callable[[Event], Event]
) -> None:
    web, voice = house
    front.name = "Ünïcode 😀 Einfahrt hinten links שלום Hof"
    front.save(update_fields=["name"])
    back = Camera.objects.create(name="Back", slug="back", kind="pattern", keeper=bob)
    with showing(voice, [front, back]):
        page = page_of(browser, web, bob, "/live/back/")
        wait_for(lambda: drawn(page, "back"), 20, "a picture")
        page.evaluate("document.querySelector('[data-stage]').requestFullscreen()")
        wait_for(lambda: page.evaluate("document.fullscreenElement !== null"), 20, "full screen")
        tell(ringing(front))
        close = page.get_by_role("button", name="Close")
        expect(close).to_be_visible()
        page.set_viewport_size({"width": 360, "height": 740})
        wait_for(lambda: drawn(page, "front-door"), 20, "the live picture")
        keep_pictures(page, "ring-card-long")
        # Not beneath anything: a click in its middle is its own.
        close.click()
        expect(close).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.context.close()


def test_on_the_live_page_of_that_camera_a_card_leaves_the_picture_free(
    browser: Browser, house: tuple[Web, Voice], front: Camera, bob: User, tell: Callable[[Event], Event]
) -> None:
    web, voice = house
    with showing(voice, [front]):
        page = page_of(browser, web, bob, "/live/front-door/")
        page.set_viewport_size({"width": 360, "height": 740})
        wait_for(lambda: drawn(page, "front-door"), 20, "a picture")
        tell(ringing(front))
        expect(card_of(page)).to_be_visible()
        stage, card = page.locator("[data-stage]").bounding_box(), card_of(page).bounding_box()
        assert stage and card and card["y"] >= stage["y"] + stage["height"]
        expect(card_of(page).locator("canvas")).to_have_count(0)
        expect(card_of(page).get_by_role("link", name="Look")).to_be_hidden()
        card_of(page).get_by_role("button", name="Close").click()
        # Who has scrolled on sees no picture there, so that the card has its own.
        page.set_viewport_size({"width": 360, "height": 500})
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        tell(ringing(front))
        expect(card_of(page).locator("canvas")).to_have_count(1)
        page.context.close()
