"""A video file as a camera: played in a loop at its own pace, with time that runs on."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import av.bitstream
import av.error

from camera.packets import AudioPacket, Packet, Reason, SourceError, StreamInfo
from camera.sources import Request, Source
from camera.sources.av_source import (
    AUDIO_DECODERS,
    CODECS,
    DECODERS,
    Opening,
    checked_stream,
    explain,
    open_container,
    wanted_sound,
)
from camera.sources.gate import JpegGate
from camera.video.nal import parameter_sets

# Playlists and scripts name further files; these formats do not.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,h264,hevc,obu,ivf,mjpeg,flv"
FILE_CODECS = CODECS | {"mpeg4"}
_ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
# Seconds between two pictures, whatever the time stamps say.
SHORTEST, LONGEST = 1 / 120, 2.0
_UNKNOWN_RATE = 25.0
# Of time a second in what is sent on: a film's own may be too coarse to tell two packets apart.
_TICKS = 90000


def open_file(request: Request) -> Source:
    """A file of config.files_root by its bare name. Raises SourceError."""
    return FileSource(request)


def open_inside(root: str, name: str) -> BinaryIO:
    """A regular file directly in `root`; no folder, no symbolic link, nothing else. Raises SourceError."""
    if not root or not name or "/" in name or "\0" in name or name in (".", ".."):
        raise SourceError(Reason.REFUSED, "a file is named without a folder")
    try:
        handle = os.open(Path(root) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SourceError(Reason.NOT_FOUND, f"there is no file {name} in the folder for camera files") from None
    except OSError:
        raise SourceError(Reason.REFUSED, f"{name} cannot be opened") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise SourceError(Reason.REFUSED, f"{name} is not a file")
    return os.fdopen(handle, "rb")


class FileSource:
    """FFmpeg gets the open file and no way to open another. `now` and the request's `wait` are the only clocks."""

    def __init__(self, request: Request, now: Callable[[], float] = time.monotonic) -> None:
        self._request = request
        self._now = now
        self.info: StreamInfo = StreamInfo("")
        self._file = open_inside(request.config.files_root, request.config.address)
        try:
            self._open()
        except SourceError:
            self._file.close()
            raise

    def _open(self) -> None:
        self._file.seek(0)
        # No protocol goes by the name of "none": whatever a file refers to stays closed.
        decoders = f"{DECODERS},mpeg4,{AUDIO_DECODERS}"
        options = {"protocol_whitelist": "none", "format_whitelist": FORMATS, "codec_whitelist": decoders}
        self._container = open_container(Opening(self._file, None, options), self._request)
        try:
            self._stream, info = checked_stream(self._container, FILE_CODECS)
            self._sound, audio = wanted_sound(self._container, self._request.config.audio)
        except SourceError:
            self._container.close()
            raise
        # The house's packets are Annex B, as network cameras send them, with the parameter sets at every key frame.
        bsf = _ANNEX_B.get(info.codec)
        self._filter = av.bitstream.BitStreamFilterContext(bsf, self._stream) if bsf else None
        self._tick = info.time_base
        known = self.info.extradata
        found = replace(info, extradata=known if bsf else info.extradata, time_base=1 / _TICKS, audio=audio)
        # From pass to pass it is the same stream: whoever compares is to see that.
        self.info = found if self.info != found else self.info

    def __iter__(self) -> Iterator[Packet | AudioPacket]:
        gate = JpegGate() if self.info.codec == "mjpeg" else None
        pace = Pace(self._now())
        while True:
            sent = 0
            for packet in self._one_pass(pace):
                if isinstance(packet, AudioPacket):
                    yield packet
                elif gate is None or gate.admit(packet.data):
                    yield packet
                    sent += 1
                if self._request.stop.is_set():
                    return
            if not sent:
                raise SourceError(Reason.BAD_STREAM, "no picture could be read from the file")
            self._container.close()
            self._open()

    def _one_pass(self, pace: "Pace") -> Iterator[Packet | AudioPacket]:
        rate = float(self._stream.average_rate or 0) or _UNKNOWN_RATE
        pace.begin(1 / rate)
        for data, key, pts, dts in self._pieces():
            if key is None:
                yield AudioPacket(data, time.time())
                continue
            at = pace.step(None if dts is None else dts * self._tick)
            if self._request.wait(at - self._now()):
                return
            if not self.info.extradata and key and self._filter is not None:
                self.info = replace(self.info, extradata=parameter_sets(self.info.codec, data))
            ticks = round(pace.media * _TICKS)
            ahead = 0 if pts is None or dts is None else max(0, round((pts - dts) * self._tick * _TICKS))
            yield Packet(data, key, time.time(), pts=ticks + ahead, dts=ticks)

    def _pieces(self) -> Iterator[tuple[bytes, bool | None, int | None, int | None]]:
        """(data, whether it is a key frame, pts, dts); a piece of sound is neither and has no time of its own."""
        streams = [self._stream] if self._sound is None else [self._stream, self._sound]
        try:
            for packet in self._container.demux(*streams):
                if packet.size and packet.stream is self._sound:
                    yield bytes(packet), None, None, None
                elif packet.size:
                    yield from self._filtered(packet)
        except (av.error.FFmpegError, OSError) as error:
            explained = explain(error, opened=True, ran_out=False)
            # A damaged tail is the end of the film; the pass that yields nothing at all is judged by the caller.
            if explained.reason != Reason.BAD_STREAM:
                raise explained from None

    def _filtered(self, packet: Any) -> Iterator[tuple[bytes, bool, int | None, int | None]]:
        made = [packet] if self._filter is None else self._filter.filter(packet)
        for piece in made:
            yield bytes(piece), bool(piece.is_keyframe), piece.pts, piece.dts

    def close(self) -> None:
        self._container.close()
        self._file.close()


class Pace:
    """When each packet of a looped film is due. `media`: seconds of film since the start, over all loops."""

    def __init__(self, start: float) -> None:
        self.media = 0.0
        self._start = start
        self._last: float | None = None
        self._usual = 1 / _UNKNOWN_RATE
        self._first = True

    def begin(self, usual: float) -> None:
        """A new pass through the film; `usual`: seconds between pictures where the film does not say."""
        self._last = None
        self._usual = min(max(usual, SHORTEST), LONGEST)

    def step(self, stamp: float | None) -> float:
        """The time at which the packet with that decoding time (seconds) is due."""
        if not self._first:
            gap = self._usual if stamp is None or self._last is None else stamp - self._last
            self.media += min(max(gap, SHORTEST), LONGEST)
        self._first = False
        self._last = stamp
        return self._start + self.media
