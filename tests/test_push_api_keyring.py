"""The keys in memory: how old they may be, who asks the database when, and what is counted of wrong ones."""

import asyncio
import threading

import pytest
from django.db import OperationalError

from camera.keys import Lock, digest
from main.pushing.keyring import Keyring, KeysUnknownError, WrongKeys


class House:
    """A clock, and keys that can be changed, be slow or be out of reach."""

    def __init__(self) -> None:
        self.now, self.reads, self.broken = 100.0, 0, False
        self.locks = {
            "pier": Lock(1, "pier", (digest("key"),), True),
            "shed": Lock(2, "shed", (digest("other"),), True),
        }
        self.gate = threading.Event()
        self.gate.set()
        self.ring = Keyring(self.read, lambda: self.now)

    def read(self) -> dict[str, Lock]:
        self.reads += 1
        found = dict(self.locks)
        assert self.gate.wait(5)
        if self.broken:
            raise OperationalError("away")
        return found

    async def opens(self, slug: str, secret: str) -> tuple[bool, bool]:
        lock, known = await self.ring.open(slug, secret)
        return lock is not None, known


async def settled(house: House) -> None:
    """Let a reading that is under way end."""
    if house.ring._refresh is not None:
        await house.ring._refresh


def test_one_reading_serves_many_pictures() -> None:
    async def scene(house: House) -> None:
        assert [await house.opens("pier", "key") for _ in range(100)] == [(True, True)] * 100
        assert house.reads == 1
        assert await house.opens("shed", "key") == (False, True)
        assert house.reads == 1

    asyncio.run(scene(House()))


def test_after_two_seconds_it_is_read_again_and_nobody_waits_for_that() -> None:
    async def scene(house: House) -> None:
        await house.opens("pier", "key")
        house.now += 2.1
        house.locks = {}
        house.gate.clear()
        assert [await house.opens("pier", "key") for _ in range(10)] == [(True, True)] * 10
        house.gate.set()
        await settled(house)
        assert house.reads == 2
        assert await house.opens("pier", "key") == (False, False)

    asyncio.run(scene(House()))


def test_without_a_database_the_last_keys_hold_for_five_seconds() -> None:
    async def scene(house: House) -> None:
        await house.opens("pier", "key")
        house.broken = True
        house.now += 4.9
        assert await house.opens("pier", "key") == (True, True)
        await settled(house)
        house.now += 0.2
        with pytest.raises(KeysUnknownError):
            await house.opens("pier", "key")
        house.broken = False
        assert await house.opens("pier", "key") == (True, True)

    asyncio.run(scene(House()))


def test_a_key_made_a_moment_ago_works_at_once_but_guessing_reads_twice_a_second() -> None:
    async def scene(house: House) -> None:
        await house.opens("pier", "key")
        house.now += 0.1
        house.locks = {"pier": Lock(1, "pier", (digest("new"),), True)}
        assert await house.opens("pier", "new") == (True, True)
        assert house.reads == 2
        for _ in range(100):
            house.now += 0.01
            assert await house.opens("pier", "guess") == (False, False)
        assert house.reads <= 2 + 3

    asyncio.run(scene(House()))


def test_a_miss_is_not_answered_by_a_reading_that_began_before_it() -> None:
    async def scene(house: House) -> None:
        await house.opens("pier", "key")
        house.now += 2.1
        house.gate.clear()
        await house.opens("pier", "key")
        await asyncio.sleep(0.05)
        house.locks = {"pier": Lock(1, "pier", (digest("new"),), True)}
        house.now += 0.1
        asked = asyncio.create_task(house.opens("pier", "new"))
        await asyncio.sleep(0.05)
        house.gate.set()
        assert await asked == (True, True)

    asyncio.run(scene(House()))


def test_it_begins_anew_in_another_event_loop() -> None:
    house = House()
    assert asyncio.run(house.opens("pier", "key")) == (True, True)
    house.now += 10
    assert asyncio.run(house.opens("pier", "key")) == (True, True)


# --- wrong keys ---


def test_a_hundred_wrong_keys_a_minute_and_address() -> None:
    now = [0.0]
    wrong = WrongKeys(lambda: now[0])
    for _ in range(99):
        wrong.note("10.0.0.1")
    assert wrong.too_many("10.0.0.1") == 0
    wrong.note("10.0.0.1")
    assert wrong.too_many("10.0.0.1") == 61 or wrong.too_many("10.0.0.1") == 60
    assert wrong.too_many("10.0.0.2") == 0
    now[0] = 60.1
    assert wrong.too_many("10.0.0.1") == 0
    wrong.note("10.0.0.1")
    assert wrong.too_many("10.0.0.1") == 0


def test_an_ipv6_network_counts_as_one() -> None:
    wrong = WrongKeys(lambda: 0.0)
    for number in range(100):
        wrong.note(f"2001:db8:0:1::{number:x}")
    assert wrong.too_many("2001:db8:0:1:ffff::1") and not wrong.too_many("2001:db8:0:2::1")


def test_many_addresses_cost_no_memory() -> None:
    wrong = WrongKeys(lambda: 0.0)
    for number in range(5000):
        wrong.note(f"10.0.{number // 250}.{number % 250}")
    assert len(wrong._found) <= 1024
