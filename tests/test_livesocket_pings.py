"""/ws/live/ behind a proxy that swallows whatever it is given: what counts is what has arrived at the viewer."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType

import pytest

from accounts.models import User
from camera import bus
from camera.models import Camera
from main.live_line import FIRST_RATE, Line
from main.live_pings import PATIENCE
from main.models import SiteSettings
from tests.house import wait_for
from tests.live_house import Voice, Web
from tests.livesocket_stage import Pipe, Stage
from tests.reel_kit import CODECS, Reel, publish
from tests.test_livesocket_wire import FILM, RATE, at_rate, watching
from tests.throttle import CHUNK, HOLDS

SECONDS = 8.0


class Proxy:
    """Takes all at once and passes it on `delay` seconds later each way; to the client at `rate` bytes a second."""

    def __init__(self, target: int, rate: float = 0.0, delay: float = 0.0) -> None:
        self.rate, self.delay = rate, delay
        self._target, self._sockets = target, list[socket.socket]()

    def __enter__(self) -> "Proxy":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.rate:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HOLDS)
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                for source, sink, rate in ((client, server, 0.0), (server, client, self.rate)):
                    held: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
                    threading.Thread(target=self._take, args=(source, held), daemon=True).start()
                    threading.Thread(target=self._give, args=(held, sink, rate), daemon=True).start()

    def _take(self, source: socket.socket, held: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        data = b"-"
        with contextlib.suppress(OSError):
            while data:
                data = source.recv(CHUNK if self.rate else 1 << 16)
                held.put((time.monotonic() + self.delay, data))
        held.put((0.0, b""))

    def _give(self, held: queue.SimpleQueue[tuple[float, bytes]], sink: socket.socket, rate: float) -> None:
        due = time.monotonic()
        with contextlib.suppress(OSError):
            while (one := held.get())[1]:
                time.sleep(max(0.0, one[0] - time.monotonic()))
                sink.sendall(one[1])
                if rate:
                    due = max(due, time.monotonic() - 0.05) + len(one[1]) / rate
                    time.sleep(max(0.0, due - time.monotonic()))


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice() as voice:
        yield voice


@pytest.fixture
def web(transactional_db: None) -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_pictures_behind_a_proxy_on_a_thin_line_are_not_late(web: Web, voice: Voice, yard: Camera, alice: User) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 60})
    voice.online(yard.pk, codec="mjpeg", fps=25.0)
    with Proxy(web.port, RATE) as proxy:
        free, thin = (watching(port, alice, {"camera": "yard"}) for port in (web.port, proxy.port))
        wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
        at_rate(25, SECONDS, lambda number: voice.frame(yard.pk, bytes(55_000)))
        time.sleep(1)
    assert len(free.came) > 0.7 * 25 * SECONDS and max(free.delays) < 0.5
    assert max(thin.delays) <= 1.5
    assert len(thin.came) >= 0.7 * SECONDS * RATE / 55_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_a_film_behind_a_proxy_on_a_thin_line_is_not_late(web: Web, voice: Voice, yard: Camera, alice: User) -> None:
    voice.online(yard.pk, film=CODECS, codec="h264", width=640, height=360, fps=25.0)
    reel = Reel(size=10_000)  # 2 Mbit/s at 25 pictures a second
    with Proxy(web.port, RATE) as proxy:
        free, thin = (watching(port, alice, FILM) for port in (web.port, proxy.port))
        wait_for(lambda: bus.topic(bus.FILM, yard.pk) in voice.wanted, 5, "the subscription")

        def shoot(number: int) -> None:
            publish(voice, yard.pk, reel.delta() if number % 50 else reel.key(with_init=not number))

        at_rate(25, 12.0, shoot)
        time.sleep(2)
    assert len(free.came) == reel.next + 1 and max(free.delays) < 0.5
    assert max(thin.delays) <= 3.0
    assert len(thin.came) > 0.35 * reel.next


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_a_far_line_that_is_fast_gets_every_picture(web: Web, voice: Voice, yard: Camera, alice: User) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 60})
    voice.online(yard.pk, codec="mjpeg", fps=15.0)
    with Proxy(web.port, delay=0.15) as proxy:
        far = watching(proxy.port, alice, {"camera": "yard"})
        wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
        began = time.time()
        at_rate(15, SECONDS, lambda number: voice.frame(yard.pk, bytes(55_000)))
        time.sleep(1)
    settled = [one for one in far.came if one.captured_at > began + 3]
    # It begins with little, until it is known what the line takes; what a busy machine passes over is no matter.
    assert len(settled) > 0.85 * 15 * (SECONDS - 3)
    assert max(far.delays) < 1.0


class AskedPipe(Pipe):
    """Swallows everything, and answers when the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.asks, self.number = True, 0

    def write(self, data: bytes) -> None:
        pass

    def ask(self, number: int) -> None:
        self.number = number


def test_one_who_never_answers_is_believed_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, pipe = Stage(monkeypatch), AskedPipe()
    line = Line(pipe)
    line.write(bytes(55_000))
    line.look(stage.now)
    assert line.waiting > line.pictures_limit()
    stage.now += PATIENCE
    line.look(stage.now)
    asked = pipe.number
    assert line.waiting == 0 and asked == 2
    line.write(bytes(200_000))
    line.look(stage.now)
    assert line.waiting == 0 and pipe.number == asked and line.rate == FIRST_RATE


def test_what_arrives_is_learned_from_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, pipe = Stage(monkeypatch), AskedPipe()
    line = Line(pipe)
    assert pipe.answered is not None
    for _ in range(40):
        line.write(bytes(55_000))
        pipe.answered(1)  # the one ahead of the first picture, at once
        stage.now += 0.5
        line.look(stage.now)
        assert line.waiting > line.pictures_limit()
        for number in (0, pipe.number + 1, (1 << 32) - 1):  # nobody asked with these
            pipe.answered(number)
        line.look(stage.now)
        assert line.waiting > line.pictures_limit()
        pipe.answered(pipe.number)
        line.look(stage.now)
        assert line.waiting == 0
    assert line.rate == pytest.approx(110_000, rel=0.1)
