"""Everything that PyAV reads: what is common to network streams, devices and files."""

import errno
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import av
import av.error
import av.logging

from camera.packets import AudioInfo, AudioPacket, Packet, Reason, SourceError, StreamInfo
from camera.sources import Request
from camera.sources.gate import JpegGate
from camera.sources.joiner import joined
from camera.video import aac
from camera.video.jpeg import MAX_PIXELS

logger = logging.getLogger(__name__)

# FFmpeg's own log lines hold URLs with passwords.
av.logging.set_level(None)
# Older ones can be taken over by a hostile camera.
OLDEST_FFMPEG = (8, 1, 2)

CODECS = frozenset({"h264", "hevc", "av1", "mjpeg"})
# FFmpeg looks into streams while opening them: only these decoders may be used for it.
DECODERS = "h264,hevc,libdav1d,av1,mjpeg"
# The sound that cameras send, where it is wanted: as recordings can hold it (camera/video/sound.py).
AUDIO_CODECS = frozenset({"aac", "pcm_mulaw", "pcm_alaw", "pcm_s16be", "pcm_s16le"})
AUDIO_DECODERS = ",".join(sorted(AUDIO_CODECS))
CAMERA_FAULT = "the camera reports a fault of its own"
_SILENT = (Reason.STALLED, "no picture came in time")
_NO_ANSWER = (Reason.NO_SIGNAL, "no stream came in time")

_KNOWN_ERRORS: list[tuple[type[BaseException], Reason, str]] = [
    (av.error.HTTPUnauthorizedError, Reason.AUTH_FAILED, "401 Unauthorized"),
    (av.error.HTTPForbiddenError, Reason.AUTH_FAILED, "403 Forbidden"),
    (av.error.HTTPNotFoundError, Reason.NOT_FOUND, "404 Not Found"),
    (av.error.HTTPServerError, Reason.NO_SIGNAL, CAMERA_FAULT),
    (av.error.HTTPClientError, Reason.BAD_STREAM, "the camera refuses what is asked of it"),
    (ConnectionRefusedError, Reason.REFUSED, "connection refused"),
    (FileNotFoundError, Reason.NOT_FOUND, "there is nothing of that name"),
    (PermissionError, Reason.REFUSED, "this system does not let Fairwatch open it"),
    (av.error.ProtocolNotFoundError, Reason.REFUSED, "that way of sending is not allowed"),
]
_ERRNO = {
    errno.EBUSY: (Reason.REFUSED, "another program is using it"),
    errno.ENODEV: (Reason.NOT_FOUND, "there is no such device"),
    errno.ENXIO: (Reason.NOT_FOUND, "there is no such device"),
    errno.ENOTTY: (Reason.NOT_FOUND, "that is not a camera"),
}


def is_outdated(version: str) -> bool:
    """Whether FFmpeg's version ("8.1.2", "n7.1-dev") is older than it should be, or cannot be told."""
    match = re.match(r"n?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?!\d)", version)
    return match is None or tuple(int(part or 0) for part in match.groups()) < OLDEST_FFMPEG


def warn_if_outdated(version: str) -> None:
    """One loud line in the log."""
    if is_outdated(version):
        wanted = ".".join(map(str, OLDEST_FFMPEG))
        logger.warning(
            "FFMPEG IS OUTDATED: PyAV brings %s; versions before %s have known holes that a hostile camera "
            "can use. Update PyAV (the package av).", version[:40], wanted,
        )  # fmt: skip


warn_if_outdated(av.ffmpeg_version_info)


@dataclass(frozen=True, slots=True)
class Opening:
    """What to hand to av.open. `codecs`: what is let through, by FFmpeg's names of the formats."""

    file: Any
    format: str | None
    options: dict[str, str]
    codecs: frozenset[str] = CODECS


def explain(error: BaseException, opened: bool, ran_out: bool) -> SourceError:
    """The reason behind an error of PyAV, in our own words: FFmpeg's hold the URL and its password.

    `opened`: it came while reading; `ran_out`: it took as long as the time-out, which FFmpeg does not always say.
    """
    for kind, reason, detail in _KNOWN_ERRORS:
        if isinstance(error, kind):
            return SourceError(reason, detail)
    if ran_out or isinstance(error, (av.error.ExitError, TimeoutError)):
        return SourceError(*(_SILENT if opened else _NO_ANSWER))
    number = getattr(error, "errno", None)
    if number in _ERRNO:
        return SourceError(*_ERRNO[number])
    if isinstance(error, OSError) and not isinstance(error, av.error.InvalidDataError):
        return SourceError(Reason.NO_SIGNAL, "the connection to the camera broke")
    return SourceError(Reason.BAD_STREAM, f"what it sends cannot be read ({type(error).__name__})")


def open_container(opening: Opening, request: Request) -> "av.container.InputContainer":
    """av.open with time-outs, and its errors explained."""
    limits, began = request.timeouts, time.monotonic()
    options = {"codec_whitelist": DECODERS} | opening.options
    try:
        container: av.container.InputContainer = av.open(
            opening.file, format=opening.format, options=options, timeout=(limits.open, limits.silence), mode="r"
        )
        return container
    except (av.error.FFmpegError, OSError, ValueError) as error:
        # `from None`: the original's text holds the URL.
        raise explain(error, opened=False, ran_out=time.monotonic() - began > 0.75 * limits.open) from None


def checked_stream(container: "av.container.InputContainer", codecs: frozenset[str]) -> "tuple[Any, StreamInfo]":
    """The first video stream and what it is. Raises SourceError (BAD_STREAM) for what Fairwatch does not decode."""
    if not container.streams.video:
        raise SourceError(Reason.BAD_STREAM, "there is no video in it")
    stream = container.streams.video[0]
    context = stream.codec_context
    name = context.codec.canonical_name if context is not None else "an unknown codec"
    if name not in codecs:
        raise SourceError(Reason.BAD_STREAM, f"it sends {name}; Fairwatch reads {', '.join(sorted(codecs))}")
    if context.width * context.height > MAX_PIXELS:
        raise SourceError(Reason.BAD_STREAM, f"its pictures of {context.width}x{context.height} are too large")
    info = StreamInfo(
        codec=name,
        width=context.width,
        height=context.height,
        extradata=bytes(context.extradata or b""),
        pix_fmt=context.pix_fmt or "",
        time_base=float(stream.time_base or 0) or 1 / 90000,
    )
    return stream, info


def wanted_sound(container: "av.container.InputContainer", wanted: bool) -> "tuple[Any, AudioInfo | None]":
    """The first sound stream and what it is; (None, None) when none is wanted or there is none that can be kept."""
    for stream in container.streams.audio if wanted else ():
        context = stream.codec_context
        name = context.codec.canonical_name if context is not None else ""
        if name in AUDIO_CODECS and context.sample_rate and 1 <= context.layout.nb_channels <= 2:
            extradata = bytes(context.extradata or b"")
            if name == "aac" and not extradata:
                # It comes with headers of its own (ADTS), which say this with every frame.
                extradata = aac.config_of(context.sample_rate, context.layout.nb_channels)
            if name != "aac" or extradata:
                base = float(stream.time_base or 0) or 1 / context.sample_rate
                return stream, AudioInfo(name, context.sample_rate, context.layout.nb_channels, extradata, base)
    return None, None


class AvSource:
    """A live source read through PyAV: every packet as it comes, dated by its arrival."""

    def __init__(self, request: Request, opening: Opening) -> None:
        self._request = request
        self._container = open_container(opening, request)
        try:
            self._stream, info = checked_stream(self._container, opening.codecs)
            self._sound, audio = wanted_sound(self._container, request.config.audio)
            self.info = replace(info, audio=audio)
        except SourceError:
            self._container.close()
            raise

    def __iter__(self) -> Iterator[Packet | AudioPacket]:
        return joined(self._packets(), self.info.codec)

    def _packets(self) -> Iterator[Packet | AudioPacket]:
        gate = JpegGate() if self.info.codec == "mjpeg" else None
        for packet in self._read():
            if packet.stream is self._sound:
                yield AudioPacket(bytes(packet), time.time(), packet.pts)
                continue
            made = self._packet(packet)
            if gate is not None:
                if not gate.admit(made.data):
                    continue
                if (gate.info.width, gate.info.height) != (self.info.width, self.info.height):
                    self.info = replace(gate.info, time_base=self.info.time_base, audio=self.info.audio)
            yield made

    def _packet(self, packet: Any) -> Packet:
        """The first packet of an RTSP session is its key frame although it has no time stamps: nothing is skipped."""
        return Packet(bytes(packet), bool(packet.is_keyframe), time.time(), pts=packet.pts, dts=packet.dts)

    def _read(self) -> Iterator[Any]:
        began = time.monotonic()
        streams = [self._stream] if self._sound is None else [self._stream, self._sound]
        try:
            for packet in self._container.demux(*streams):
                if self._request.stop.is_set():
                    return
                if packet.size == 0:
                    break
                if time.monotonic() - began > 0.75 * self._request.timeouts.silence:
                    # FFmpeg gives the packet it held back when its time-out ends: an old one that would pass for live.
                    raise SourceError(*_SILENT)
                yield packet
                # A camera that goes on sending sound but no picture is one that stalls.
                began = began if packet.stream is self._sound else time.monotonic()
        except (av.error.FFmpegError, OSError) as error:
            ran_out = time.monotonic() - began > 0.75 * self._request.timeouts.silence
            raise explain(error, opened=True, ran_out=ran_out) from None
        raise SourceError(Reason.NO_SIGNAL, "the camera hung up")

    def close(self) -> None:
        self._container.close()
