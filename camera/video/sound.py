"""The sound of a recording: AAC goes into the file as it came, PCM is encoded to AAC."""

import io
import struct
from fractions import Fraction
from typing import Any

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from av.codec import CodecContext

from camera.packets import AudioInfo, AudioPacket
from camera.video.aac import raw_aac

# A piece that is this far from where it should be is put there; smaller differences are jitter of the network. Seconds.
_TOO_FAR = 0.5
_BIT_RATE = 64_000


class SoundTrack:
    """One recording's sound. Pieces come in order; `offset` says where the first of them stands in the recording."""

    def __init__(self, info: AudioInfo) -> None:
        self._info = info
        self._stream: Any = None
        self._encoder: Any = None
        self._decoder: AudioCodecContext | None = None
        self._resampler: AudioResampler | None = None
        self._rate = info.rate
        # Where the next piece begins, in samples of the recording's rate.
        self._at: int | None = None
        self._base: tuple[int, float] | None = None

    def attach(self, container: "av.container.OutputContainer") -> None:
        """Add the stream; before the container's first packet. Raises ValueError for sound that cannot be kept."""
        if self._info.codec == "aac":
            template = aac_template(self._info)
            self._stream = container.add_stream_from_template(template.streams.audio[0])
            template.close()
            return
        self._decoder = _pcm_decoder(self._info)
        self._stream = container.add_stream("aac", rate=self._rate)
        self._encoder = self._stream.codec_context
        self._encoder.layout = "mono" if self._info.channels == 1 else "stereo"
        self._encoder.bit_rate = _BIT_RATE
        self._resampler = AudioResampler("fltp", self._encoder.layout, self._rate, frame_size=1024)

    def write(self, container: "av.container.OutputContainer", packet: AudioPacket, offset: float) -> None:
        """Take a piece that belongs `offset` seconds after the recording's beginning; before it: dropped."""
        if self._stream is None or not packet.data:
            return
        wanted = round(self._place(packet, offset) * self._rate)
        if self._at is None or abs(wanted - self._at) > _TOO_FAR * self._rate:
            if wanted < (self._at or 0):
                return
            self._at = wanted
        if self._encoder is None:
            self._copy(container, packet)
        else:
            self._encode(container, packet)

    def _place(self, packet: AudioPacket, offset: float) -> float:
        """The camera's own time stamps are even, arrival is not: those count from the first piece on."""
        if packet.pts is None:
            return offset
        if self._base is None:
            self._base = (packet.pts, offset)
        place = self._base[1] + (packet.pts - self._base[0]) * self._info.time_base
        if abs(place - offset) > 2.0:
            self._base = (packet.pts, offset)
            return offset
        return place

    def _copy(self, container: "av.container.OutputContainer", packet: AudioPacket) -> None:
        piece = av.Packet(raw_aac(packet.data))
        piece.stream = self._stream
        piece.time_base = Fraction(1, self._rate)
        assert self._at is not None
        piece.pts = piece.dts = self._at
        piece.duration = 1024
        self._at += 1024
        container.mux(piece)

    def _encode(self, container: "av.container.OutputContainer", packet: AudioPacket) -> None:
        assert self._decoder is not None and self._resampler is not None and self._at is not None
        try:
            frames = self._decoder.decode(av.Packet(packet.data))
        except (av.error.FFmpegError, ValueError):
            return
        for frame in frames:
            frame.pts, frame.time_base = self._at, Fraction(1, self._rate)
            self._at += frame.samples
            for even in self._resampler.resample(frame):
                container.mux(self._stream.encode(even))

    def finish(self, container: "av.container.OutputContainer") -> None:
        """Write what the encoder still holds."""
        if self._encoder is None or self._resampler is None or self._at is None:
            return
        for even in self._resampler.resample(None):
            if even is not None:
                container.mux(self._stream.encode(even))
        container.mux(self._stream.encode(None))


def keepable(codec: str) -> bool:
    """Whether sound of this codec can be recorded."""
    return codec == "aac" or codec.startswith("pcm_")


def _pcm_decoder(info: AudioInfo) -> AudioCodecContext:
    if not keepable(info.codec) or not 1 <= info.channels <= 2 or not 4000 <= info.rate <= 192_000:
        raise ValueError(f"sound of the kind {info.codec} cannot be recorded")
    decoder = CodecContext.create(info.codec, "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate = info.rate
    decoder.layout = "mono" if info.channels == 1 else "stereo"
    return decoder


def aac_template(info: AudioInfo) -> "av.container.InputContainer":
    """A container whose stream carries the camera's AAC parameters. PyAV copies these only from a stream that was
    read, so a few bytes of FLV (Adobe's file format, version 10.1, annex E) are made round them."""
    if len(info.extradata) < 2:
        raise ValueError("the camera does not tell how its sound is encoded")

    def tag(body: bytes) -> bytes:
        head = b"\x08" + struct.pack(">I", len(body))[1:] + b"\0" * 7
        return head + body + struct.pack(">I", len(head) + len(body))

    header = b"FLV\x01\x04" + struct.pack(">II", 9, 0)
    flv = header + tag(b"\xaf\x00" + info.extradata) + tag(b"\xaf\x01" + b"\x21\x10\x04\x60\x8c\x1c")
    try:
        return av.open(io.BytesIO(flv), "r", format="flv", options={"analyzeduration": "0", "probesize": "32"})
    except av.error.FFmpegError:
        raise ValueError("the sound's parameters cannot be read") from None
