"""/tls/: what protects the connection, and the authority to install. The keys are nowhere to be had."""

import re
import ssl
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError
from django.test import Client
from django.urls import get_resolver

from accounts.models import User
from main.management.commands.serve import Command
from main.serving.certificates import Certificates, ensure_certificates
from main.serving.listen import announce

pytestmark = pytest.mark.django_db
SECURE = {"wsgi.url_scheme": "https"}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Safari/604.1"


@pytest.fixture
def local(settings: Any, tmp_path: Path) -> Iterator[Certificates]:
    settings.TLS, settings.RUN_DIR = "local", tmp_path
    return ensure_certificates(tmp_path / "tls", ["localhost"])  # type: ignore[return-value]


def text(client: Client, **headers: str) -> str:
    return client.get("/tls/", headers=headers).content.decode()


def test_the_authority_is_given_to_everybody_in_both_forms(local: Certificates) -> None:
    pem, der = Client().get("/tls/ca.crt"), Client().get("/tls/ca.cer")
    assert pem.content == local.authority.read_bytes()
    assert der.content == ssl.PEM_cert_to_DER_cert(local.authority.read_text())
    for reply, ending in ((pem, "crt"), (der, "cer")):
        assert reply.headers["Content-Type"] == "application/x-x509-ca-cert"
        assert reply.headers["Content-Disposition"] == f'inline; filename="fairwatch-house.{ending}"'


def test_the_page_tells_the_fingerprint_and_every_device(local: Certificates) -> None:
    page = text(Client(), user_agent=IPHONE)
    assert re.sub(r"<wbr>", "", page).count(local.fingerprint) == 1
    for device in ("iPhone and iPad", "Android", "Windows", "Mac", "Linux", "Firefox"):
        assert f"<summary>{device}" in page
    assert page.count("<details open>") == 1 and "<details open><summary>iPhone" in page
    assert "Certificate Trust Settings" in page and "http://testserver/tls/" in page and "data:image/svg" in page


def test_over_plain_http_the_page_says_so(local: Certificates, settings: Any) -> None:
    assert "Not encrypted yet" in text(Client())
    secure = Client().get("/tls/", secure=True).content.decode()
    assert "Not encrypted yet" not in secure


def test_no_key_is_served(local: Certificates, client_of: Any, alice: User) -> None:
    key, own = (local.authority.parent / name for name in ("ca.key", "server.key"))
    secrets = [line for path in (key, own) for line in path.read_text().splitlines() if not line.startswith("-")]
    for path in ("/tls/", "/tls/ca.crt", "/tls/ca.cer"):
        body = client_of(alice).get(path).content.decode("latin-1")
        assert not any(line in body for line in secrets)
    for path in ("/tls/ca.key", "/tls/server.key", "/tls/../tls/ca.key", "/tls/ca.crt/../ca.key", "/tls/server.crt"):
        assert Client().get(path).status_code == 404, path
    assert {str(one.pattern) for one in get_resolver().url_patterns if str(one.pattern).startswith("tls/")} == {
        "tls/", "tls/ca.crt", "tls/ca.cer",
    }  # fmt: skip


@pytest.mark.parametrize("tls", ["off", "proxy"])
def test_an_authority_that_is_not_in_use_is_not_offered(local: Certificates, settings: Any, tls: str) -> None:
    settings.TLS = tls
    assert Client().get("/tls/ca.crt").status_code == Client().get("/tls/ca.cer").status_code == 404
    assert local.fingerprint[:11] not in text(Client())


def test_without_encryption_an_owner_learns_how_and_others_that_it_is_so(
    alice: User, bob: User, client_of: Any
) -> None:
    owner, others = text(client_of(alice)), [text(client_of(bob)), text(Client())]
    assert "<code>TLS=local</code>" in owner and "serve --tls" in owner and "not encrypted" in owner
    for page in others:
        assert "not encrypted" in page and "TLS=local" not in page and "owner of the house can switch" in page
    assert 'href="/tls/">How to end that' in client_of(alice).get("/me/").content.decode()


def test_behind_a_proxy_nothing_has_to_be_installed(alice: User, client_of: Any, settings: Any) -> None:
    settings.TLS = "proxy"
    page = client_of(alice).get("/tls/", secure=True).content.decode()
    assert (
        "proxy in front" in page and "nothing to be installed" in page and "<details" not in page.partition("<main")[2]
    )


def test_a_house_whose_authority_is_gone_says_so(alice: User, client_of: Any, settings: Any, tmp_path: Path) -> None:
    settings.TLS, settings.RUN_DIR = "local", tmp_path
    assert "its file is not there" in text(client_of(alice)) and Client().get("/tls/ca.crt").status_code == 404


@pytest.fixture
def serve(tmp_path: Path, settings: Any) -> Command:
    settings.RUN_DIR = tmp_path
    return Command(stdout=StringIO(), stderr=StringIO())


def test_serve_prints_address_code_file_and_fingerprint(serve: Command, alice: User, tmp_path: Path) -> None:
    serve.tell("https://192.168.1.20:8000", "local")
    said = serve.stdout._out.getvalue()  # type: ignore[attr-defined]
    made = ensure_certificates(tmp_path / "tls", django_settings.ALLOWED_HOSTS)
    for words in ("https://192.168.1.20:8000/", "http://192.168.1.20:8000/tls/", str(made.authority), made.fingerprint):
        assert words in said
    assert "█" in said


def test_serve_says_nothing_of_it_without(serve: Command, alice: User) -> None:
    serve.tell("http://192.168.1.20:8000", "off")
    said = serve.stdout._out.getvalue()  # type: ignore[attr-defined]
    assert "fingerprint" not in said and "█" not in said and not (django_settings.RUN_DIR / "tls").exists()


def test_serve_stops_where_the_certificates_cannot_be_kept(serve: Command, tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("no folder")
    with pytest.raises(CommandError, match="cannot be kept in"):
        serve.tell("https://192.168.1.20:8000", "local")


def test_before_set_up_the_code_is_the_one_time_link(db: None) -> None:
    said: list[str] = []
    announce("https://192.168.1.20:8000", "s3cret", said.append)
    assert sum("█" in line for line in said) == 1 and any("/setup/s3cret/" in line for line in said)


def test_a_short_camera_password_is_warned_of(serve: Command, alice: User, settings: Any) -> None:
    settings.START_WARNINGS = ["CAMERA_PASSWORD has fewer than 12 characters and could be guessed"]
    serve.tell("http://192.168.1.20:8000", "off")
    assert "fewer than 12" in serve.stderr._out.getvalue()  # type: ignore[attr-defined]
