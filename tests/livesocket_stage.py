"""A live socket's line and clock in a test's hands: what its other side takes, and when."""

import pytest

from camera.films import INIT
from camera.live import films
from camera.live.hub import Hub
from camera.live.messages import Message
from camera.packets import CameraState
from main.live_flows import FilmFlow, PictureFlow
from main.live_line import Line
from main.serving.wire import Wire
from tests.reel_kit import number_of


class Pipe(Wire):
    """A wire whose other side takes what the test says."""

    def __init__(self) -> None:
        self.left, self.asks = 0, False

    @property
    def closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.left += len(data)

    def unsent(self) -> int:
        return self.left


class Stage:
    """A clock, a hub that calls everything live, and one viewer's line."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(films.time, "monotonic", lambda: self.now)
        self.pipe = Pipe()
        self.line = Line(self.pipe)
        self.hub = Hub("ipc:///nowhere")
        self.hub.viewer_fps = 60.0
        self.is_live = True
        monkeypatch.setattr(self.hub, "live_film", lambda feed: self.is_live and feed.newest_at is not None)
        monkeypatch.setattr(self.hub, "state", lambda camera: CameraState(camera, "online"))

    def take(self, size: int) -> None:
        self.pipe.left = max(0, self.pipe.left - size)

    def due(self, flow: FilmFlow | PictureFlow) -> list[Message]:
        """Write all that is due."""
        self.line.look(self.now)
        got = []
        while (message := flow.due(self.now, self.line)) is not None:
            self.line.write(message.framed(0))
            got.append(message)
        return got

    def numbers(self, flow: FilmFlow) -> list[int]:
        """The same; -1 for an initialisation segment."""
        return [-1 if one.kind == INIT else number_of(one.data) for one in self.due(flow)]
