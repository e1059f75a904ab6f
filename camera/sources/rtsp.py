"""RTSP network cameras. FFmpeg follows redirects anywhere: the camera is asked first, the peers are checked after."""

from urllib.parse import quote, urlsplit, urlunsplit

from camera.addresses import host_and_port
from camera.packets import Reason, SourceConfig, SourceError
from camera.sources import Request, Source
from camera.sources.av_source import CAMERA_FAULT, AvSource, Opening
from camera.sources.describe import describe
from camera.sources.login import Login
from camera.sources.net import Target, resolve, tcp_peers

# FFmpeg keeps user name and password, both percent-encoded, in 128 bytes and cuts off the rest.
_LONGEST_LOGIN = 126
_PAUSES = (0.3, 1.0)


def open_rtsp(request: Request) -> Source:
    """An RTSP camera, by TCP or UDP, with Digest or Basic log-in. Raises SourceError."""
    config, limits = request.config, request.timeouts
    host, port = host_and_port(config.address)
    target = resolve(host, port, config.allow_loopback, limits.resolve)
    sdp = describe(_pinned(config, target), target, Login(config.username, config.password), limits)
    before = tcp_peers()
    source = _open(request, Opening(_with_login(config, target), "rtsp", options(config, limits.open, sdp)))
    if tcp_peers() - before - {(target.ip, target.port)}:
        source.close()
        raise SourceError(Reason.BAD_STREAM, "the camera led to another address while it was opened")
    return source


def _open(request: Request, opening: Opening) -> AvSource:
    """Some cameras need a moment between two visitors: what worked for the question is tried again for the stream."""
    for pause in _PAUSES:
        try:
            return AvSource(request, opening)
        except SourceError as error:
            if error.detail != CAMERA_FAULT or request.wait(pause):
                raise
    return AvSource(request, opening)


def options(config: SourceConfig, seconds: float, sdp: str) -> dict[str, str]:
    """FFmpeg's options for this camera: chosen here, none is the user's."""
    # Without these FFmpeg watches the stream for 2 s to guess its rate, which nobody asks for. When the description
    # holds the decoder's parameters nothing else is left to find out.
    told = "sprop-parameter-sets=" in sdp or "sprop-sps=" in sdp or "JPEG/" in sdp.upper()
    quick = {"fpsprobesize": "0"} | ({"analyzeduration": "100000"} if told else {})
    protocols = "rtsp,rtp,tcp,udp" + (",tls" if config.address.startswith("rtsps:") else "")
    return {
        "rtsp_transport": "udp" if config.transport == "udp" else "tcp",
        # Shorter than PyAV's own time-out, which stays as the net below it. Microseconds.
        "timeout": str(int(seconds * 900_000)),
        "allowed_media_types": "video",
        "protocol_whitelist": protocols,
        "format_whitelist": "rtsp,sdp",
        # A key frame of a large picture comes in one burst.
        "buffer_size": str(1024 * 1024),
    } | quick


def _pinned(config: SourceConfig, target: Target) -> str:
    """The address with the checked IP in place of the name: what was checked is what is connected to."""
    parts = urlsplit(config.address)
    return urlunsplit((parts.scheme, target.netloc, parts.path, parts.query, ""))


def _with_login(config: SourceConfig, target: Target) -> str:
    url = _pinned(config, target)
    if not config.username and not config.password:
        return url
    login = ":".join(quote(word, safe="!$'()*,;=-._~") for word in (config.username, config.password))
    if len(login) > _LONGEST_LOGIN:
        raise SourceError(Reason.AUTH_FAILED, "user name and password are too long for RTSP (126 characters together)")
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{login}@{rest}"
