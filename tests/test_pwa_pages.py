"""What browsers fetch of the app without a log-in: manifest, service worker, offline page, icons."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image

from accounts.models import User
from camera.models import Camera
from main.models import SiteSettings

ClientOf = Callable[[User | None], Client]


def file_of(src: str) -> Path:
    found = finders.find(src.removeprefix("/static/"))
    assert isinstance(found, str), src
    return Path(found)


def test_the_manifest_is_that_of_this_house_and_its_icons_are_there(client: Client, db: None) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"site_name": "Haus «Zur alten Mühle»"})
    reply = client.get("/manifest.webmanifest")
    told = reply.json()
    assert reply.headers["Content-Type"] == "application/manifest+json"
    assert (told["name"], told["short_name"]) == ("Haus «Zur alten Mühle»", "Haus")
    assert (told["start_url"], told["scope"], told["id"], told["display"]) == ("/", "/", "/", "standalone")
    seen = set()
    for icon in told["icons"]:
        path = file_of(icon["src"])
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert f"{image.width}x{image.height}" == icon["sizes"]
                # A launcher cuts a shape out of it, so nothing of it may be clear.
                assert icon["purpose"] != "maskable" or image.convert("RGBA").getextrema()[3] == (255, 255)
        seen.add((icon["sizes"], icon["purpose"]))
    assert seen >= {("192x192", "any"), ("512x512", "any"), ("192x192", "maskable"), ("512x512", "maskable")}


def test_ios_gets_an_opaque_icon_and_opening_pictures_of_its_screens(client: Client, db: None) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert re.findall(r'rel="apple-touch-icon" href="([^"]+)"', page) == ["/static/icons/apple-touch.png"]
    with Image.open(file_of("/static/icons/apple-touch.png")) as image:
        assert image.size == (180, 180) and image.convert("RGBA").getextrema()[3] == (255, 255)
    pictures = sorted((Path(settings.BASE_DIR) / "static" / "icons").glob("splash-*.png"))
    assert len(pictures) > 20
    for path in pictures:
        with Image.open(path) as image:
            assert path.stem == f"splash-{image.width}x{image.height}"


def test_the_worker_is_the_whole_sites_and_changes_with_what_it_keeps(client: Client, db: None) -> None:
    reply = client.get("/sw.js")
    text = reply.content.decode()
    assert reply.headers["Content-Type"].startswith("text/javascript")
    assert (reply.headers["Cache-Control"], reply.headers["Service-Worker-Allowed"]) == ("no-cache", "/")
    assert 'const KEPT = ["/offline/", "/static/css/offline.css", "/static/js/offline.js"];' in text
    before = re.findall(r'const VERSION = "([0-9a-f]{16})";', text)
    assert len(before) == 1 and text == client.get("/sw.js").content.decode()
    SiteSettings.objects.update_or_create(pk=1, defaults={"site_name": "Another"})
    assert before[0] not in client.get("/sw.js").content.decode()


def test_the_offline_page_holds_nothing_of_anybody(client_of: ClientOf, alice: User, yard: Camera) -> None:
    """It is kept on the device, whoever uses that next."""
    mine, anybody = client_of(alice).get("/offline/"), client_of(None).get("/offline/")
    assert mine.content == anybody.content and not mine.cookies and not anybody.cookies
    for word in (b"alice", b"Yard", b"csrf"):
        assert word not in mine.content


@pytest.mark.parametrize("path", ["/manifest.webmanifest", "/sw.js", "/offline/"])
def test_they_are_only_read(path: str, client: Client, db: None) -> None:
    assert client.post(path).status_code == 405 and client.head(path).status_code == 200


def test_only_the_houses_own_worker_may_run(client_of: ClientOf, alice: User) -> None:
    reply = client_of(alice).get("/me/")
    assert "worker-src 'self'" in reply.headers["Content-Security-Policy"]
    page = reply.content.decode()
    assert 'rel="manifest" href="/manifest.webmanifest"' in page and "js/pwa.js" in page and "js/push.js" in page
    assert "js/push.js" not in client_of(None).get("/accounts/login/").content.decode()
