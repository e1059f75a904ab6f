"""Packets into an MP4 that is whole up to the last half second at any moment, and an ordinary one once it is closed."""

import contextlib
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from camera.packets import AudioPacket, Packet, StreamInfo
from camera.video import nal
from camera.video.decode import Decoder
from camera.video.faults import BadPacketError, MuxError
from camera.video.jpeg import MAX_PIXELS
from camera.video.timeline import TICKS, Timeline

if TYPE_CHECKING:
    from camera.video.sound import SoundTrack

COPIED = frozenset({"h264", "hevc", "av1"})
OPTIONS = {
    "movflags": "hybrid_fragmented",
    "frag_duration": "500000",
    "flush_packets": "1",
    "video_track_timescale": str(TICKS),
    # Pictures do not wait for sound that is late.
    "max_interleave_delta": "500000",
}
_FORMATS = {"h264": "h264", "hevc": "hevc", "av1": "obu"}
# An AV1 stream is recognised by the delimiter that cameras may leave out.
_DELIMITER = b"\x12\x00"
X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "26"}
# Of what is encoded: seeking is exact to this. Seconds.
KEY_EVERY = 2.0
_TIME_BASE = Fraction(1, TICKS)


class Mp4Writer:
    """One file. Raises OSError when the disk does not take it, MuxError when the pictures are the trouble.

    `first`: the packet that it begins with, a key frame; it has still to be written. For one thread at a time.
    """

    def __init__(self, path: Path | str, info: StreamInfo, first: Packet) -> None:
        self.info = info
        self._timeline = Timeline(info)
        self._started_at = first.captured_at
        self._container = av.open(str(path), "w", format="mp4", options=OPTIONS)
        try:
            self._encoder = None if info.codec in COPIED else _Encoder(self._container, info, first)
            self._stream = self._encoder.stream if self._encoder else _copied(self._container, info, first)
            self._sound = self._with_sound()
            # The header comes with the first packet: FFmpeg crashes where a file that has one ends without a picture.
            if self._encoder is not None:
                self._encoder.open()
        except (av.error.FFmpegError, OSError, ValueError, MuxError) as error:
            self.abandon()
            if isinstance(error, OSError | MuxError):
                raise
            raise MuxError(f"pictures of this kind ({info.codec}) cannot be put into a file") from None

    def _with_sound(self) -> "SoundTrack | None":
        if self.info.audio is None:
            return None
        from camera.video.sound import SoundTrack

        try:
            track = SoundTrack(self.info.audio)
            track.attach(self._container)
        except (ValueError, av.error.FFmpegError):
            return None
        return track

    @property
    def codec(self) -> str:
        """What is in the file, which is not always what the camera sends."""
        return "h264" if self._encoder is not None else self.info.codec

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the file's pictures."""
        return self._stream.width, self._stream.height

    @property
    def has_sound(self) -> bool:
        return self._sound is not None

    @property
    def seconds(self) -> float:
        """How long the file plays."""
        return self._timeline.end

    def write(self, packet: Packet) -> None:
        """Raises OSError, and BadPacketError for what cannot be written; the next packet may be tried."""
        with _plain_errors():
            if self._encoder is not None:
                self._encode(self._encoder, self._encoder.decoder.decode(packet))
            else:
                self._copy(packet)

    def _encode(self, encoder: "_Encoder", frames: list[tuple[VideoFrame, float]]) -> None:
        for frame, captured_at in frames:
            pts, _ = self._timeline.place(Packet(b"", True, captured_at))
            encoder.write(frame, pts, self._timeline.step)

    def _copy(self, packet: Packet) -> None:
        pts, dts = self._timeline.place(packet)
        piece = av.Packet(packet.data)
        piece.stream, piece.time_base = self._stream, _TIME_BASE
        piece.pts, piece.dts, piece.duration = pts, dts, self._timeline.step
        piece.is_keyframe = packet.key
        self._container.mux(piece)

    def audio(self, packet: AudioPacket) -> None:
        """Sound that came along. Raises as `write` does."""
        if self._sound is not None:
            with _plain_errors():
                self._sound.write(self._container, packet, packet.captured_at - self._started_at)

    def close(self) -> None:
        """Make an ordinary MP4 of it. Raises OSError or BadPacketError; what was written stays readable."""
        with _plain_errors():
            try:
                if self._encoder is not None:
                    self._encode(self._encoder, self._encoder.decoder.flush())
                    self._encoder.finish()
                if self._sound is not None:
                    self._sound.finish(self._container)
            finally:
                self._container.close()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError, ValueError):
            return  # it was given up because of just that


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """PyAV's errors are some of them OSErrors, those of the disk, and some not."""
    try:
        yield
    except OSError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise BadPacketError(type(error).__name__) from None


def _copied(container: "av.container.OutputContainer", info: StreamInfo, first: Packet) -> Any:
    """A stream for packets as they come."""
    with as_read(info, first.data) as read:
        stream = container.add_stream_from_template(read, opaque=True)
    if info.codec == "hevc":
        # The other name for it, hev1, Apple's players do not know.
        stream.codec_tag = "hvc1"
    return stream


@contextlib.contextmanager
def as_read(info: StreamInfo, first: bytes, options: dict[str, str] | None = None) -> Iterator[Any]:
    """A stream as if read from a file that begins with this key frame: PyAV copies what players must know only from
    such a one. Raises MuxError, FFmpegError or ValueError for what cannot be read. `options`: of FFmpeg, to read it."""
    head = info.extradata
    if info.codec == "av1":
        data = _DELIMITER + (head[4:] if head[:1] == b"\x81" else head) + first.removeprefix(_DELIMITER)
    else:
        data = (b"" if nal.parameter_sets(info.codec, first) else head) + first
    template = av.open(io.BytesIO(data), format=_FORMATS[info.codec], options=options or {})
    try:
        read = template.streams.video[0] if template.streams.video else None
        if read is None or not 0 < read.width * read.height <= MAX_PIXELS:
            raise MuxError("the camera does not say how its pictures are encoded")
        yield read
    finally:
        template.close()


class _Encoder:
    """H.264 of pictures that browsers do not play as film.

    JPEGs keep their full range: to convert it would cost as much as to encode. Chromium heeds range and matrix only
    where primaries and transfer are named as well.
    """

    def __init__(self, container: "av.container.OutputContainer", info: StreamInfo, first: Packet) -> None:
        self._container = container
        self.decoder = Decoder(info)
        self._reformatter = VideoReformatter()
        self._key_at: int | None = None
        width, height = info.width, info.height
        if not (width and height):
            frames = Decoder(info).decode(first)
            if not frames:
                raise MuxError("its first picture cannot be decoded")
            width, height = frames[0][0].width, frames[0][0].height
        self.stream = container.add_stream("libx264", rate=15, options=X264)
        self._context = self.stream.codec_context
        # Colour is kept for every second pixel only: an odd size loses its last row or column to scaling.
        self._context.width, self._context.height = max(2, width & ~1), max(2, height & ~1)
        self._range = ColorRange.JPEG if info.codec == "mjpeg" else ColorRange.MPEG
        self._format = "yuvj420p" if info.codec == "mjpeg" else "yuv420p"
        self._context.pix_fmt, self._context.time_base = self._format, _TIME_BASE
        self._context.thread_count, self._context.gop_size = 1, 1000
        self._context.color_range = self._range
        if info.codec != "mpeg4":
            # JPEGs and what webcams send raw are BT.601 at any size; unsaid, players take large ones for BT.709.
            self._context.colorspace = Colorspace.ITU601
            self._context.color_primaries, self._context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709

    def open(self) -> None:
        """Whether pictures of this size can be encoded shows here. Raises FFmpegError."""
        self._context.open(strict=False)

    def write(self, frame: VideoFrame, pts: int, lasts: int) -> None:
        """`pts` and how long it `lasts`, in ticks."""
        full = frame.color_range == ColorRange.JPEG or (frame.format.name or "").startswith("yuvj")
        even = self._reformatter.reformat(
            frame,
            self._context.width,
            self._context.height,
            self._format,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=self._range,
            threads=1,
        )
        even.pts, even.time_base = pts, _TIME_BASE
        is_key = self._key_at is None or pts - self._key_at >= KEY_EVERY * TICKS
        even.pict_type = PictureType.I if is_key else PictureType.NONE
        if is_key:
            self._key_at = pts
        for packet in self.stream.encode(even):
            packet.duration = lasts
            self._container.mux(packet)

    def finish(self) -> None:
        self._container.mux(self.stream.encode(None))
