"""A camera made of GStreamer's RTSP server. Runs under the system's Python, which has gi:

    /usr/bin/python3 rtsp_server.py '{"codec": "h264", "user": "admin", "password": "secret", "tls": false}'

Prints its port and serves /cam (TCP and UDP) until stdin ends. With "fed" it encodes and sends the pictures that come
on stdin, each a JPEG after its length in four bytes (big-endian); they go nowhere while nobody looks.
"""

import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

FAST = "tune=zerolatency speed-preset=ultrafast key-int-max=15"
ENCODERS = {
    "h264": f"x264enc {FAST} ! video/x-h264,profile=baseline ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "h265": f"x265enc {FAST} ! rtph265pay name=pay0 pt=96 config-interval=-1",
    "h264-b": "x264enc bframes=2 b-adapt=false speed-preset=ultrafast key-int-max=30 rc-lookahead=0 sync-lookahead=0 ! "
    "video/x-h264,profile=main ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "h264-slices": f"x264enc {FAST} option-string=slices=4 ! video/x-h264,profile=baseline ! "
    "rtph264pay name=pay0 pt=96 config-interval=0",
    "jpeg": "jpegenc quality=80 ! rtpjpegpay name=pay0 pt=26",
    "vp8": "vp8enc deadline=1 ! rtpvp8pay name=pay0 pt=96",
}

SOUND = {
    "pcma": "alawenc ! rtppcmapay name=pay1 pt=8",
    "pcmu": "mulawenc ! rtppcmupay name=pay1 pt=0",
    "aac": "voaacenc ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    "opus": "opusenc ! rtpopuspay name=pay1 pt=98",
}


FED = "appsrc name=fed is-live=true do-timestamp=true format=time caps=image/jpeg,framerate={rate}/1 ! jpegdec"


class Feed:
    """Pictures from stdin to whatever pipeline there is at the moment."""

    def __init__(self, factory: GstRtspServer.RTSPMediaFactory) -> None:
        self._source = None
        factory.connect("media-configure", self._configured)

    def _configured(self, factory: GstRtspServer.RTSPMediaFactory, media: GstRtspServer.RTSPMedia) -> None:
        self._source = media.get_element().get_by_name_recurse_up("fed")
        media.connect("unprepared", self._unprepared)

    def _unprepared(self, media: GstRtspServer.RTSPMedia) -> None:
        self._source = None

    def run(self) -> None:
        """Until stdin ends."""
        while len(head := sys.stdin.buffer.read(4)) == 4:
            data = sys.stdin.buffer.read(int.from_bytes(head, "big"))
            if self._source is not None:
                self._source.emit("push-buffer", Gst.Buffer.new_wrapped(data))


def protect(server: GstRtspServer.RTSPServer, user: str, password: str, digest: bool) -> None:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


def main() -> None:
    told = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(told.get("address", "127.0.0.1"))
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    size = f"width={told.get('width', 320)},height={told.get('height', 240)},framerate={told.get('rate', 15)}/1"
    raw = f"videotestsrc is-live=true pattern={told.get('pattern', 'smpte')} ! video/x-raw,format=I420,{size}"
    source = (
        f"{FED.format(rate=told.get('rate', 15))} ! videoconvert ! video/x-raw,format=I420" if told.get("fed") else raw
    )
    sound = ""
    if told.get("sound"):
        sound = f" audiotestsrc is-live=true ! audioconvert ! audioresample ! {SOUND[told['sound']]}"
    video = f"{source} ! {ENCODERS[told.get('codec', 'h264')]}"
    factory.set_launch(f"( {video}{sound} )")
    factory.set_shared(True)
    if told.get("user"):
        protect(server, told["user"], told["password"], told.get("digest", True))
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    if told.get("certificate"):
        auth = server.get_auth() or GstRtspServer.RTSPAuth()
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(told["certificate"]))
        if not told.get("user"):
            token = GstRtspServer.RTSPToken()
            token.set_string("media.factory.role", "viewer")
            auth.set_default_token(token)
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("viewer", "media.factory.access", True)
            permissions.add_permission_for_role("viewer", "media.factory.construct", True)
            factory.set_permissions(permissions)
        server.set_auth(auth)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    loop = GLib.MainLoop()
    print(server.get_bound_port(), flush=True)
    wait = Feed(factory).run if told.get("fed") else sys.stdin.read
    threading.Thread(target=lambda: (wait(), loop.quit()), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
