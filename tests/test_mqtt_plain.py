"""MQTT without a broker: the URL, the board, topics, what is discovered, pictures that are small enough."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from main.notify.mqtt.board import MOST_FLYING, Board
from main.notify.mqtt.discovery import Subject, Teller
from main.notify.mqtt.line import LONGEST_WAIT, Backoff
from main.notify.mqtt.pictures import MOST_BYTES, bounded
from main.notify.mqtt.topics import Act, Names, State
from surveillance.broker import Broker, read_broker
from tests.mqtt_schema import check

NAMES = Names("fairwatch", "homeassistant")


class Wire:
    """A broker's end: takes messages when told, and keeps what was confirmed."""

    def __init__(self, board: Board) -> None:
        self.board, self.sent, self.kept = board, list[tuple[int, str, bytes]](), dict[str, bytes]()

    def publish(self, topic: str, payload: bytes) -> int | None:
        self.sent.append((len(self.sent), topic, payload))
        return len(self.sent) - 1

    def confirm(self) -> None:
        """All that is there, until there is nothing more."""
        done = 0
        self.board.send(self.publish)
        while done < len(self.sent):
            for number, topic, payload in self.sent[done:]:
                done += 1
                self.kept[topic] = payload
                self.board.confirmed(number)
            self.board.send(self.publish)


def test_the_url_is_read_and_its_password_shown_nowhere() -> None:
    found = read_broker("mqtts://house:p%40ss%2F@[2001:db8::1]?prefix=home/eyes&discovery=off&pictures=no&commands=no")
    assert found == Broker("2001:db8::1", 8883, True, "house", "p@ss/", "home/eyes", "", "", False, False)
    assert "p@ss" not in repr(found) and not found.is_bare
    assert read_broker("mqtt://broker.lan").port == 1883
    assert read_broker("mqtt://a:b@broker.lan").is_bare and not read_broker("mqtt://a:b@localhost").is_bare


@pytest.mark.parametrize(
    "url",
    [
        "http://h", "mqtt://", "mqtt://h:0", "mqtt://h:70000", "mqtt://h:x", "mqtt://h/topic", "mqtt://h#x", "mqtt://[h",
        "mqtt://:S3CRET@h", "mqtt://a:S3CRET%00@h", "mqtt://h?prefix=", "mqtt://h?prefix=a%2F%23", "mqtt://h?prefix=a//b",
        "mqtt://h?discovery=%2B", "mqtt://h?x=1", "mqtt://h?pictures=no&pictures=yes", "mqtt://h?commands=perhaps",
        "mqtt://h?ca=/etc/hostname", "mqtts://h?ca=relative.pem", "mqtts://h?ca=/no/such/file", "mqtts://h?ca=%00",
        "mqtt://a:S3CRET@h o", "mqtts://h?prefix=" + "a" * 41,
    ],
)  # fmt: skip
def test_a_wrong_url_is_refused_in_words_that_do_not_repeat_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^\w.{10,}") as fault:
        read_broker(url)
    assert "S3CRET" not in str(fault.value) and not isinstance(fault.value, UnicodeError)


def test_only_the_newest_of_each_topic_goes_out_and_only_when_it_differs() -> None:
    board = Board()
    wire = Wire(board)
    for number in range(50):
        board.want({"a": f"{number}".encode(), "b": b"same"})
    board.begin(10_000)
    wire.confirm()
    assert [one[1:] for one in wire.sent] == [("a", b"49"), ("b", b"same")] and board.is_settled
    board.want({"a": b"50", "b": b"same"})
    board.send(wire.publish)
    board.want({"a": b"49", "b": b"same"})
    assert len(wire.sent) == 3
    board.confirmed(2)
    wire.confirm()
    assert wire.kept == {"a": b"49", "b": b"same"} and len(wire.sent) == 4


def test_a_topic_that_is_not_wanted_any_more_is_taken_away_even_while_it_is_on_its_way() -> None:
    board = Board()
    wire = Wire(board)
    board.begin(10_000)
    board.want({"a": b"1", "b": b"1"})
    board.send(wire.publish)
    board.want({"b": b"1"})
    wire.confirm()
    assert wire.kept == {"a": b"", "b": b"1"} and board.is_settled
    board.clear("b")
    assert board.is_settled
    board.clear("left-behind")
    wire.confirm()
    assert wire.kept["left-behind"] == b""


def test_no_more_is_on_its_way_than_may_be_and_what_is_lost_goes_out_again() -> None:
    board = Board()
    wire = Wire(board)
    board.want({f"topic-{number}": b"1" for number in range(100)})
    board.begin(10_000)
    for _ in range(5):
        board.send(wire.publish)
    assert len(wire.sent) == MOST_FLYING
    board.lost()
    board.begin(10_000)
    wire.confirm()
    assert len(wire.kept) == 100 and board.is_settled


def test_what_the_broker_does_not_take_is_told_once_and_not_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()
    wire = Wire(board)
    board.begin(2000)
    for number in range(5):
        board.want({"large": bytes([number]) * 3000, "barred": b"1"})
        board.send(wire.publish)
    board.confirmed(0, "Not authorized")
    wire.confirm()
    assert [topic for _, topic, _ in wire.sent] == ["barred"]
    assert [record.message.partition(":")[2].strip() for record in caplog.records] == [
        "the broker does not take large: it is too large", "the broker does not take barred: Not authorized",
    ]  # fmt: skip


def test_every_kind_of_camera_is_discovered_in_the_documented_form() -> None:
    names = ("Yard", 'Ünïcode 😀 שלום «x» \\ " {{7*7}}', "x" * 60)
    every = frozenset({"pan_tilt", "zoom", "home", "alarm", "presets", "privacy"})
    for name in names:
        for url in ("", "https://home.example.org"):
            configs = Teller(NAMES, "1.2.3", url).configs(Subject(7, "yard", name, "C200", every))
            for topic, config in configs.items():
                check(topic, json.loads(config))
            told = [json.loads(config) for config in configs.values()]
            assert len(configs) == 5 + 1 + 1 + 9 and len({one["unique_id"] for one in told}) == len(told)
            assert {one["device"]["name"] for one in told} == {name}
    assert len(Teller(NAMES, "1", commands=False).configs(Subject(7, "yard", "Yard", "", every, False))) == 5


def test_topics_are_told_apart() -> None:
    assert NAMES.asked("fairwatch/yard/left/set") == ("yard", Act.LEFT)
    for wrong in ("fairwatch/yard/still/set", "other/yard/left/set", "fairwatch//left/set", "fairwatch/+/left/set", ""):
        assert NAMES.asked(wrong) is None
    assert NAMES.slug_of("fairwatch/yard/online") == "yard"
    for wrong in (
        "fairwatch/yard/motion",
        "fairwatch/a/b/online",
        "fairwatch2/yard/online",
        "online",
        "fairwatch/online",
    ):
        assert NAMES.slug_of(wrong) is None
    assert NAMES.is_config(NAMES.config("camera", 1, State.STILL)) and not NAMES.is_config(
        "homeassistant/camera/other/x/config"
    )


def test_waits_grow_and_never_beyond_a_minute() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(2000)]
    assert waits[0] <= 1 and 30 < max(waits[10:]) <= LONGEST_WAIT and min(waits[10:]) > 30


def test_pictures_fit_whatever_comes() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (900, 1600, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=95)
    large = out.getvalue()
    smaller = bounded(large)
    assert len(large) > MOST_BYTES and smaller is not None and len(smaller) <= MOST_BYTES
    with Image.open(io.BytesIO(smaller)) as image:
        assert image.format == "JPEG" and image.width * 9 == image.height * 16
    assert bounded(b"\xff\xd8 small \xff\xd9") == b"\xff\xd8 small \xff\xd9"
    for odd in (
        b"",
        b"\xff\xd8",
        b"GIF89a",
        b"\xff\xd8" + b"x" * MOST_BYTES,
        large[: len(large) // 2][:20] + b"x" * MOST_BYTES,
    ):
        assert bounded(odd) is None
