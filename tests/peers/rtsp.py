"""RTSP cameras for tests: GStreamer's server, the project's shared fake where present, and liars of our own."""

import functools
import json
import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import shared_file
from tests.house import free_port, wait_for
from tests.peers import clips

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:trackID=0\r\n"
)


@functools.cache
def why_no_gstreamer() -> str:
    """Empty when GStreamer's RTSP server can be run."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"there is no {SYSTEM_PYTHON}"
    code = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    run = subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True, text=True, check=False)
    return (
        "" if run.returncode == 0 else f"apt install gir1.2-gst-rtsp-server-1.0 python3-gi ({run.stderr.strip()[-80:]})"
    )


@contextmanager
def gstreamer(**told: object) -> Iterator[str]:
    """A GStreamer camera; gives its address, without credentials."""
    if why := why_no_gstreamer():
        pytest.skip(why)
    command = [SYSTEM_PYTHON, str(SERVER), json.dumps(told)]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout and server.stdin
    try:
        port = server.stdout.readline().strip()
        assert port, "GStreamer's server did not start"
        host = "[::1]" if told.get("address") == "::1" else "127.0.0.1"
        yield f"{'rtsps' if told.get('certificate') else 'rtsp'}://{host}:{port}/cam"
    finally:
        server.stdin.close()
        server.stdout.close()
        server.kill()
        server.wait()


@contextmanager
def fake_camera(folder: Path, *arguments: str, frames: int = 60, gop: int = 15) -> Iterator[str]:
    """The shared fake camera, looping a small clip; for hang-up and silence. Skips where it is absent."""
    script = shared_file("bench/fake_rtsp_camera.py")
    clip = folder / "clip.h264"
    clip.write_bytes(with_delimiters(clips.annex_b(frames, gop)))
    port = free_port()
    command = [sys.executable, str(script), "--clip", str(clip), "--port", str(port), *arguments]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert server.stdout
    try:
        assert select.select([server.stdout], [], [], 10)[0]
        yield f"rtsp://127.0.0.1:{port}/cam"
    finally:
        server.stdout.close()
        server.kill()
        server.wait()


def with_delimiters(stream: bytes) -> bytes:
    """The same stream with an access-unit delimiter before each picture (one slice a picture)."""
    start, out, fresh = b"\0\0\0\1", [], True
    for unit in re.split(rb"\x00\x00\x00?\x01", stream)[1:]:
        kind = unit[0] & 31
        if fresh:
            out.append(start + b"\x09\xf0")
        fresh = kind in (1, 5)
        out.append(start + unit)
    return b"".join(out)


Script = Callable[["Liar", int, str, dict[str, str]], str | bytes | None]


class Liar:
    """A scripted RTSP server: `script(liar, number, method, headers)` gives the raw answer, None to hang up.

    `number` counts the connections from 1; `asked` lists (number, method).
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.over = threading.Event()
        self.asked: list[tuple[int, str]] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam"

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        data = b""
        with sock:
            try:
                while True:
                    while b"\r\n\r\n" not in data:
                        piece = sock.recv(8192)
                        if not piece:
                            return
                        data += piece
                    head, _, data = data.partition(b"\r\n\r\n")
                    first, *rest = head.decode("latin-1").split("\r\n")
                    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
                    self.asked.append((number, first.split()[0]))
                    answer = self._script(self, number, first.split()[0], headers)
                    if answer is None:
                        return
                    sock.sendall(answer.encode() if isinstance(answer, str) else answer)
            except OSError:
                return

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._sockets:
            sock.close()


@contextmanager
def liar(script: Script) -> Iterator[Liar]:
    server = Liar(script)
    try:
        yield server
    finally:
        server.close()


def rtsp(status: str, headers: dict[str, str], *lines: str, body: str = "") -> str:
    """An answer to the request with these headers."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '1')}", *lines, *length, "", body])


__all__ = ["SDP", "Liar", "fake_camera", "gstreamer", "liar", "rtsp", "wait_for"]
