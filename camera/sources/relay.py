"""The only way from FFmpeg to an RTSP camera: a relay inside the process that knows one address and no other."""

import contextlib
import select
import socket
import ssl
import threading

from camera.packets import SourceError
from camera.sources.net import Peer, Target, tcp_names
from camera.sources.replies import Replies
from camera.sources.tap import Tap
from camera.sources.wire import connect

_CHUNK = 64 * 1024
# What FFmpeg says last (TEARDOWN) is passed on within the first; then the connections are cut. Seconds.
_FAREWELL, _CUT = 0.3, 1.0


class Relay:
    """Listens on the loopback for this very process, one connection at a time, until `close`.

    `place` is where it listens; `fault` says why it ended a connection, or could make none; `peers` are the ends of
    its connections.
    """

    def __init__(self, target: Target, tls: bool, seconds: float, udp: bool, tap: Tap | None = None) -> None:
        """`tls`: towards the camera; `seconds`: for connecting; `udp`: the pictures come by UDP. `tap` gets what comes
        from the camera as well."""
        self.fault: SourceError | None = None
        self._target, self._tls, self._seconds, self._udp = target, tls, seconds, udp
        self._tap = tap
        # With UDP FFmpeg listens for pictures in the family of the address it connected to.
        family, host = (socket.AF_INET6, "::1") if ":" in target.ip else (socket.AF_INET, "127.0.0.1")
        self._listener = socket.create_server((host, 0), family=family, backlog=4)
        self.place = Target(target.host, host, int(self._listener.getsockname()[1]))
        self.peers: set[Peer] = {(host, self.place.port), (target.ip, target.port)}
        self._lock = threading.Lock()
        self._ends: tuple[socket.socket, ...] = ()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="rtsp-relay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No connection, thread or handle stays."""
        self._over = True
        _shut(self._listener)
        self._thread.join(_FAREWELL)
        with self._lock:
            for sock in self._ends:
                _shut(sock)
        self._thread.join(_CUT)

    def _run(self) -> None:
        with self._listener:
            while not self._over:
                try:
                    client, address = self._listener.accept()
                except OSError:
                    return
                with client:
                    peer = (str(address[0]), int(address[1]))
                    # Other programs of this machine have no business at the camera.
                    if peer in tcp_names():
                        self.peers.add(peer)
                        self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        try:
            with connect(self._target, self._tls, self._seconds) as camera:
                with self._lock:
                    self._ends = (client, camera)
                try:
                    if not self._over:
                        self._pass_on(client, camera)
                finally:
                    with self._lock:
                        self._ends = ()
        except SourceError as error:
            self.fault = error
        except OSError:
            return  # FFmpeg sees that its connection ends, and says so

    def _pass_on(self, client: socket.socket, camera: socket.socket) -> None:
        """Until one of the two hangs up. One thread for both ways: OpenSSL's connections are not made for two."""
        for sock in (client, camera):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = Replies(self._target.ip if self._udp else "")
        poll = select.poll()
        for sock in (client, camera):
            poll.register(sock, select.POLLIN)
        while True:
            ready = {handle for handle, _ in poll.poll()}
            if client.fileno() in ready:
                data = client.recv(_CHUNK)
                if not data:
                    return
                if data.startswith(b"PLAY "):
                    replies.playing()
                    if self._tap is not None:
                        self._tap.play(replies.channels)
                camera.settimeout(self._seconds)
                camera.sendall(data)
            if camera.fileno() in ready and not _from_camera(camera, client, replies, self._tap):
                return


def _from_camera(camera: socket.socket, client: socket.socket, replies: Replies, tap: Tap | None) -> bool:
    """Pass on what has come; False at the end."""
    # TLS has messages of its own: that something came does not mean that there is something to read.
    camera.setblocking(False)
    while True:
        try:
            data = camera.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        if not data:
            return False
        passed = replies.feed(data)
        if tap is not None and replies.is_playing:
            tap.feed(passed)
        client.sendall(passed)
        # Inside TLS there may be more that poll() does not see.
        if not isinstance(camera, ssl.SSLSocket):
            return True


def _shut(sock: socket.socket) -> None:
    # Not SSLSocket's own, which takes the connection apart under the other thread's hands.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
