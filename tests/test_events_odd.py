"""Odd input to the lists of events and recordings: an answer below 500, in shape, whatever comes."""

import json
import random
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from camera.models import Camera
from tests.footage_cast import happened, recorded
from tests.test_api_odd_input import ODD, encoded
from tests.test_events_api import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.faults]
ClientOf = Callable[[User | None], Client]
PARAMETERS = ("camera", "kind", "from", "to", "cursor", "__proto__", "from_", "limit", "user")


@pytest.fixture
def client(client_of: ClientOf, alice: User, yard: Camera) -> Client:
    happened(yard, NOON, recorded(yard, NOON))
    return client_of(alice)


@pytest.mark.parametrize("path", ["events", "recordings"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_odd_values_of_a_parameter(path: str, name: str, client: Client) -> None:
    for value in ODD:
        for query in (f"{name}={encoded(value)}", f"{name}={encoded(value)}&{name}=x", f"{name}[]={encoded(value)}"):
            reply = client.get(f"/api/v1/{path}?{query}")
            assert reply.status_code in (200, 400), (name, value, reply.content)
            if reply.status_code == 400:
                assert reply.json()["error"]["code"] == "invalid_parameter"
            else:
                assert list(reply.json()) == ["items", "next"]


@pytest.mark.parametrize("path", ["events", "recordings"])
def test_random_queries_never_break_it(path: str, client: Client) -> None:
    chance = random.Random(20260302)
    alphabet = [chr(code) for code in (*range(0, 0x180), 0x202E, 0x2028, 0xFFFF, 0x1F600)]
    for _ in range(200):
        pairs = [
            (chance.choice(PARAMETERS), "".join(chance.choices(alphabet, k=chance.randrange(30))))
            for _ in range(chance.randrange(1, 5))
        ]
        reply = client.get(f"/api/v1/{path}?{urlencode(pairs)}")
        assert reply.status_code in (200, 400), pairs
        json.loads(reply.content)


@pytest.mark.parametrize("path", ["/api/v1/cameras/{}/record", "/events/{}/", "/events/{}/image/"])
def test_odd_paths(path: str, client: Client) -> None:
    for value in ODD:
        for method in ("GET", "POST", "PUT", "BREW"):
            reply = client.generic(method, path.format(encoded(value)), b'{"on": "x"}', content_type="application/json")
            assert reply.status_code < 500, (method, value, reply.content)


def test_other_ways_of_asking_are_refused(client: Client) -> None:
    for path in ("/api/v1/events", "/api/v1/recordings", "/events/"):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert client.generic(method, path, b"x").status_code == 405, (method, path)
