"""HTTP cameras: a multipart stream of JPEGs, or one JPEG asked for again and again, as the camera's reply tells."""

import http.client
import time
from collections.abc import Callable, Iterator

from camera.addresses import host_and_port
from camera.packets import Packet, Reason, SourceError, StreamInfo
from camera.sources import Request, Source
from camera.sources.gate import JpegGate
from camera.sources.http_ask import Asker
from camera.sources.multipart import Multipart, boundary_of
from camera.sources.net import resolve
from camera.video.jpeg import MAX_BYTES

_CHUNK = 64 * 1024
_SINGLE = frozenset({"image/jpeg", "image/jpg", "image/pjpeg", "application/octet-stream", "binary/octet-stream"})
_LEAST_FPS, _MOST_FPS = 0.01, 30.0


def open_http(request: Request) -> Source:
    """An HTTP or HTTPS camera. Raises SourceError."""
    config = request.config
    host, port = host_and_port(config.address)
    target = resolve(host, port, config.allow_loopback, request.timeouts.resolve)
    asker = Asker(config, target, request.timeouts)
    try:
        response = asker.ask()
        kind = response.headers.get_content_type() if "content-type" in response.headers else "nothing by name"
        if kind.startswith("multipart/"):
            return MultipartSource(request, asker, response)
        if kind in _SINGLE:
            return PollingSource(request, asker, response)
        raise SourceError(Reason.BAD_STREAM, f"the camera sends {kind[:60]}, neither an MJPEG stream nor a JPEG")
    except SourceError:
        asker.close()
        raise


class _HttpSource:
    def __init__(self, request: Request, asker: Asker, response: http.client.HTTPResponse, patience: int) -> None:
        self._request, self._asker, self._response = request, asker, response
        self._gate = JpegGate(patience)
        self.info = StreamInfo("mjpeg")

    def _packet(self, data: bytes) -> Packet | None:
        captured_at = time.time()
        if not self._gate.admit(data):
            return None
        if self.info is not self._gate.info:
            self.info = self._gate.info
        return Packet(data, True, captured_at)

    def _read(self, read: Callable[[], bytes]) -> bytes:
        """What `read` gives, its faults named. Raises SourceError."""
        try:
            return read()
        except TimeoutError:
            raise SourceError(Reason.STALLED, "no picture came in time") from None
        except (OSError, http.client.HTTPException, ValueError):
            if self._asker.watch.fired:
                raise SourceError(Reason.STALLED, "no picture came in time") from None
            raise SourceError(Reason.NO_SIGNAL, "the connection to the camera broke") from None

    def _ended(self) -> SourceError:
        if self._asker.watch.fired:
            return SourceError(Reason.STALLED, "no picture came in time")
        return SourceError(Reason.NO_SIGNAL, "the camera hung up")

    def close(self) -> None:
        self._asker.close()
        self._response.close()


class MultipartSource(_HttpSource):
    """A stream that stays open."""

    def __init__(self, request: Request, asker: Asker, response: http.client.HTTPResponse) -> None:
        super().__init__(request, asker, response, patience=10)

    def __iter__(self) -> Iterator[Packet]:
        parts = Multipart(boundary_of(self._response.headers))
        silence = self._request.timeouts.silence
        self._asker.watch.touch(silence)
        while not self._request.stop.is_set():
            data = self._read(lambda: self._response.read1(_CHUNK))
            if not data:
                raise self._ended()
            for body in parts.feed(data):
                packet = self._packet(body)
                if packet is not None:
                    self._asker.watch.touch(silence)
                    yield packet


class PollingSource(_HttpSource):
    """One picture an answer, asked for at config.poll_fps. `every`: seconds from one to the next."""

    def __init__(self, request: Request, asker: Asker, response: http.client.HTTPResponse) -> None:
        super().__init__(request, asker, response, patience=3)
        self.every = 1 / min(max(request.config.poll_fps, _LEAST_FPS), _MOST_FPS)

    def __iter__(self) -> Iterator[Packet]:
        pause = self.every
        due = time.monotonic()
        while not self._request.stop.is_set():
            packet = self._packet(self._whole_body())
            self._asker.watch.touch(pause + self._request.timeouts.silence)
            if packet is not None:
                yield packet
            due = max(due + pause, time.monotonic())
            if self._request.wait(due - time.monotonic()):
                return
            self._response = self._asker.ask()

    def _whole_body(self) -> bytes:
        self._asker.watch.touch(self._request.timeouts.silence)
        data = self._read(lambda: self._response.read(MAX_BYTES + 1))
        if len(data) > MAX_BYTES:
            raise SourceError(Reason.BAD_STREAM, f"a picture of more than {MAX_BYTES // 1024 // 1024} MiB")
        # http.client counts down what is still to come and does not complain when the camera hangs up early.
        if not data or self._response.length or self._asker.watch.fired:
            raise self._ended()
        return data
