"""RTSP network cameras. FFmpeg follows redirects anywhere: it is led through a relay that knows the camera alone."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from camera.addresses import host_and_port
from camera.packets import AudioPacket, Packet, Reason, SourceConfig, SourceError
from camera.sources import Request, Source
from camera.sources.av_source import AUDIO_DECODERS, CAMERA_FAULT, DECODERS, AvSource, Opening
from camera.sources.describe import describe
from camera.sources.joiner import joined
from camera.sources.login import Login
from camera.sources.net import Target, resolve, tcp_peers
from camera.sources.relay import Relay
from camera.sources.rtp import CLOCK, CODECS
from camera.sources.tap import Tap, pictures_of

# FFmpeg keeps user name and password, both percent-encoded, in 128 bytes and cuts off the rest.
_LONGEST_LOGIN = 126
_PAUSES = (0.3, 1.0)
# How soon an end is noticed while no picture comes; how long a reader may take to end. Seconds.
_LOOK, _POLITE, _PATIENT = 0.5, 0.3, 2.0


def open_rtsp(request: Request) -> Source:
    """An RTSP camera, by TCP or UDP, with Digest or Basic log-in. Raises SourceError."""
    config, limits = request.config, request.timeouts
    host, port = host_and_port(config.address)
    target = resolve(host, port, config.allow_loopback, limits.resolve)
    sdp = describe(_pinned(config, target), target, Login(config.username, config.password), limits)
    chosen = options(config, limits.open, sdp)
    before = tcp_peers()
    by_udp = chosen["rtsp_transport"] == "udp"
    codec, place = ("", 0) if by_udp else pictures_of(sdp, config.audio)
    tap = Tap(codec, place) if codec else None
    relay = Relay(target, config.address.startswith("rtsps:"), limits.connect, by_udp, tap)
    try:
        source = _open(request, Opening(_with_login(config, relay.place), "rtsp", chosen), relay, tap)
    except BaseException:
        relay.close()
        raise
    if tcp_peers() - before - relay.peers:
        source.close()
        raise SourceError(Reason.BAD_STREAM, "the camera led to another address while it was opened")
    return source


class RtspSource(AvSource):
    """A camera behind its relay, which is closed with it and knows best why a stream ended."""

    def __init__(self, request: Request, opening: Opening, relay: Relay, tap: Tap | None) -> None:
        self._relay, self._tap = relay, tap
        self._reader: threading.Thread | None = None
        self._closing = False
        # When FFmpeg gave the last picture.
        self._gave: float | None = None
        try:
            super().__init__(request, opening)
        except SourceError as error:
            raise relay.fault or error from None

    def __iter__(self) -> Iterator[Packet | AudioPacket]:
        try:
            if self._tap is not None and self._is_fit(self._tap):
                yield from joined(self._tapped(self._tap), self._tap.codec)
            else:
                yield from super().__iter__()
        except SourceError as error:
            raise self._relay.fault or error from None

    def _is_fit(self, tap: Tap) -> bool:
        """What is sent in another order than it is shown in has to be put in time by FFmpeg."""
        same = tap.codec == self.info.codec and abs(self.info.time_base * CLOCK - 1) < 1e-6
        return same and not self._stream.codec_context.has_b_frames

    def _tapped(self, tap: Tap) -> Iterator[Packet | AudioPacket]:
        self._reader = threading.Thread(target=self._drain, args=(tap,), name="rtsp-read", daemon=True)
        self._reader.start()
        while not self._request.stop.is_set():
            packet = tap.next(_LOOK)
            if packet is not None:
                yield packet
            elif tap.over:
                break
        if tap.error is not None:
            raise tap.error

    def _drain(self, tap: Tap) -> None:
        """FFmpeg goes on to read: it answers for the camera's silence, and asks it to go on."""
        error: SourceError | None = None
        try:
            for packet in self._packets():
                tap.other(packet)
                if self._closing:
                    break
        except SourceError as fault:
            error = fault
        tap.end(error)

    def _packet(self, packet: Any) -> Packet:
        """FFmpeg knows that a picture of these is whole when the next one begins: this one came right after the last
        one was given."""
        made = super()._packet(packet)
        before, self._gave = self._gave, made.captured_at
        if self.info.codec in CODECS and before is not None:
            return replace(made, captured_at=before)
        return made

    def close(self) -> None:
        self._closing = True
        if self._reader is not None:
            # It ends with the next picture; a camera that sends none is hung up on first.
            self._reader.join(_POLITE)
            if self._reader.is_alive():
                self._relay.close()
                self._reader.join(_PATIENT)
                if self._reader.is_alive():
                    return  # FFmpeg's memory is not to be touched while it is read into
        super().close()
        self._relay.close()


def _open(request: Request, opening: Opening, relay: Relay, tap: Tap | None) -> RtspSource:
    """Some cameras need a moment between two visitors: what worked for the question is tried again for the stream."""
    for pause in _PAUSES:
        try:
            return RtspSource(request, opening, relay, tap)
        except SourceError as error:
            if error.detail != CAMERA_FAULT or request.wait(pause):
                raise
    return RtspSource(request, opening, relay, tap)


def options(config: SourceConfig, seconds: float, sdp: str) -> dict[str, str]:
    """FFmpeg's options for this camera: chosen here, none is the user's."""
    # Without these FFmpeg watches the stream for 2 s to guess its rate, which nobody asks for. When the description
    # holds the decoder's parameters nothing else is left to find out.
    told = "sprop-parameter-sets=" in sdp or "sprop-sps=" in sdp or "JPEG/" in sdp.upper()
    quick = {"fpsprobesize": "0"} | ({"analyzeduration": "100000"} if told else {})
    # Pictures of an encrypted camera do not come in the open; the relay does the TLS.
    by_udp = config.transport == "udp" and not config.address.startswith("rtsps:")
    return {
        "rtsp_transport": "udp" if by_udp else "tcp",
        # Shorter than PyAV's own time-out, which stays as the net below it. Microseconds.
        "timeout": str(int(seconds * 900_000)),
        "allowed_media_types": "video+audio" if config.audio else "video",
        "codec_whitelist": f"{DECODERS},{AUDIO_DECODERS}" if config.audio else DECODERS,
        "protocol_whitelist": "rtsp,rtp,tcp,udp",
        "format_whitelist": "rtsp,sdp",
        # A key frame of a large picture comes in one burst.
        "buffer_size": str(1024 * 1024),
    } | quick


def _pinned(config: SourceConfig, target: Target) -> str:
    """The address with the checked IP in place of the name: what was checked is what is connected to."""
    parts = urlsplit(config.address)
    return urlunsplit((parts.scheme, target.netloc, parts.path, parts.query, ""))


def _with_login(config: SourceConfig, place: Target) -> str:
    """What FFmpeg is told: the relay's place, and always plain RTSP."""
    url = _pinned(config, place).replace("rtsps:", "rtsp:", 1)
    if not config.username and not config.password:
        return url
    login = ":".join(quote(word, safe="!$'()*,;=-._~") for word in (config.username, config.password))
    if len(login) > _LONGEST_LOGIN:
        raise SourceError(Reason.AUTH_FAILED, "user name and password are too long for RTSP (126 characters together)")
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{login}@{rest}"
