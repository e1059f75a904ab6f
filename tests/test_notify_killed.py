"""The notifier as a process of its own, ended in every way: nothing is lost, and what is sent twice is told apart."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from main.notify import pulse
from tests.house import BASE, RealHouse, wait_for
from tests.peers.mail_server import MailServer
from tests.peers.push_service import Post, PushService

pytestmark = pytest.mark.processes

# Alice with a webhook, and rings at her door; each print of a ring is its event's id.
ARRANGE = """
from accounts.models import User
from camera.models import Camera
from main.notify import channels
alice = User.objects.create_user("alice", role="owner")
Camera.objects.create(name="Door", slug="door", kind="push", keeper=alice)
channels.add(alice, "webhook", "hook", {target!r}, secret="s")
"""
RING = """
import uuid
from django.db import transaction
from django.utils import timezone
from camera import ports
from camera.models import Camera, Event
camera = Camera.objects.get()
for number in range({number}):
    with transaction.atomic():
        now = timezone.now()
        event = Event.objects.create(camera=camera, camera_name="Door", camera_slug="door", uid=uuid.uuid4().hex[:8],
                                     kind="ring", started_at=now, changed_at=now)
        ports.on_event(event, True)
"""
STATES = (
    "from main.notify_models import Delivery; print(*Delivery.objects.order_by('pk').values_list('state', flat=True))"
)


class Notifier:
    """`manage.py notifier` in a house's folder."""

    def __init__(self, house: RealHouse) -> None:
        self.house = house
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self.house.folder / "notifier.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", "notifier"], cwd=BASE, env=self.house.environment, stdout=log, stderr=log
            )

    def end(self, how: int = signal.SIGKILL) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)

    def again(self) -> None:
        self.process = self._start()

    def is_well(self) -> bool:
        return pulse.is_well(pulse.endpoint(self.house.folder / "run", "main"), 2.0)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RealHouse]:
    house = RealHouse(tmp_path / "house")
    house.furnish()
    yield house
    house.stop()


@pytest.fixture
def notifier(house: RealHouse) -> Iterator[Notifier]:
    notifier = Notifier(house)
    yield notifier
    if notifier.process.poll() is None:
        notifier.end()


def run(house: RealHouse, code: str) -> str:
    return house.manage("shell", "-v", "0", "-c", code)


def deliveries(posts: list[Post]) -> "Counter[int]":
    return Counter(json.loads(post.body)["delivery"] for post in posts)


def all_sent(house: RealHouse, number: int) -> bool:
    return run(house, STATES).split() == ["sent"] * number


def test_killed_again_and_again_it_loses_nothing(house: RealHouse, notifier: Notifier) -> None:
    """Each message is sent at least once, and once more for each kill at most, under the same name."""
    with PushService(lambda post: 200) as target:
        run(house, ARRANGE.format(target=target.origin))
        run(house, RING.format(number=12))
        for kills in range(1, 4):
            target.wait(min(12, 3 * kills), 60)
            notifier.end()
            notifier.again()
        wait_for(lambda: len(deliveries(target.posts)) == 12, 60, "twelve messages")
        wait_for(lambda: all_sent(house, 12), 60, "twelve marks")
        counted = deliveries(target.posts)
    assert sum(counted.values()) <= 12 + 3, counted


def test_killed_between_sending_and_the_mark_it_sends_once_more(house: RealHouse, notifier: Notifier) -> None:
    with PushService() as target:
        target.answer = lambda post: 200 if target.posts else None
        run(house, ARRANGE.format(target=target.origin))
        run(house, RING.format(number=1))
        target.wait(1, 60)
        notifier.end()
        notifier.again()
        first, second = target.wait(2, 60)
        assert json.loads(first.body)["delivery"] == json.loads(second.body)["delivery"]
        wait_for(lambda: all_sent(house, 1), 60, "the mark")
        assert len(target.posts) == 2


def test_told_to_end_it_finishes_what_is_on_its_way(house: RealHouse, notifier: Notifier) -> None:
    def slowly(post: Post) -> int:
        time.sleep(2)
        return 200

    with PushService(slowly) as target:
        begun = []
        target.answer = lambda post: begun.append(post) or slowly(post)  # type: ignore[func-returns-value]
        run(house, ARRANGE.format(target=target.origin))
        run(house, RING.format(number=1))
        wait_for(lambda: begun, 60, "the message to be on its way")
        assert notifier.end(signal.SIGTERM) == 0
        assert all_sent(house, 1)
        notifier.again()
        wait_for(notifier.is_well, 60, "the next one")
        assert len(begun) == 1


def test_a_second_one_in_the_same_house_does_not_start(house: RealHouse, notifier: Notifier) -> None:
    wait_for(notifier.is_well, 60, "the first one")
    second = subprocess.run(
        [sys.executable, "manage.py", "notifier"], cwd=BASE, env=house.environment, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert second.returncode == 1 and b"running already" in second.stderr


def test_stopped_it_is_not_well(house: RealHouse, notifier: Notifier) -> None:
    wait_for(notifier.is_well, 60, "it to be well")
    notifier.process.send_signal(signal.SIGSTOP)
    try:
        assert not notifier.is_well()
    finally:
        notifier.process.send_signal(signal.SIGCONT)
    wait_for(notifier.is_well, 30, "it to go on")


def test_dead_targets_hold_up_nothing_else(house: RealHouse) -> None:
    """A webhook that hangs, a mail server that says nothing and a port where nobody listens; meanwhile the camera is
    recorded, rings are taken, and the target that is well gets everything."""
    more = """
channels.add(alice, "webhook", "good", {good!r}, secret="s")
channels.add(alice, "webhook", "nobody", "http://127.0.0.1:9/", secret="s")
channels.add(alice, "email", "mail", "alice@example.org")
"""
    with MailServer(silent=True) as mail, PushService(lambda post: None) as hanging, PushService() as good:
        good.answer = lambda post: 200
        house.extra |= {"EMAIL_URL": f"smtp://127.0.0.1:{mail.port}"}
        run(house, ARRANGE.format(target=hanging.origin) + more.format(good=good.origin))
        house.arrange(("addcamera", "Yard", "pattern:", "--record", "always"))
        house.start()
        token = house.manage("addtoken", "alice", "test")
        wait_for(lambda: house.api("recordings?camera=yard", token)["items"], 60, "a recording")
        for rings in range(1, 4):
            run(house, RING.format(number=1).replace("Camera.objects.get()", "Camera.objects.get(slug='door')"))
            good.wait(rings, 60)
        hanging.wait(1, 60)
        wait_for(lambda: mail.connections, 60, "the mail server to be asked")
        (recording,) = house.api("recordings?camera=yard", token)["items"]  # type: ignore[misc]
        path = next((house.folder / "media").rglob("*.mp4.part"))
        size = path.stat().st_size
        wait_for(lambda: path.stat().st_size > size, 30, "the recording to grow")
        assert recording["state"] == "open" and house.healthy()
        assert len(good.posts) == 3 and len(hanging.posts) == 1


def test_serve_starts_it_again_and_the_house_goes_on(house: RealHouse) -> None:
    house.start()
    (first,) = wait_for(lambda: house.pids("notifier"), 60, "the notifier")  # type: ignore[misc]
    psutil.Process(first).kill()
    wait_for(lambda: [pid for pid in house.pids("notifier") if pid != first], 60, "another notifier")
    assert house.healthy()
    with PushService(lambda post: 200) as target:
        run(house, ARRANGE.format(target=target.origin))
        run(house, RING.format(number=1))
        target.wait(1, 60)
    assert house.process is not None
    children = [process.pid for process in psutil.Process(house.process.pid).children(recursive=True)]
    house.stop()
    assert not [pid for pid in children if psutil.pid_exists(pid)]
