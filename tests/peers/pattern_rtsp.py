"""The demo scene as an RTSP camera sends it: H.264 without delay in the encoder, each picture with its clock bar."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from camera.packets import SourceConfig
from camera.sources import Request
from camera.sources.pattern import PatternSource
from tests.peers.rtsp import SERVER, SYSTEM_PYTHON, why_no_gstreamer

RATE = 15


@contextmanager
def pattern_camera(rate: int = RATE) -> Iterator[str]:
    """A GStreamer camera that encodes and sends the scene; gives its address. Skips where there is no GStreamer."""
    if why := why_no_gstreamer():
        pytest.skip(why)
    command = [SYSTEM_PYTHON, str(SERVER), json.dumps({"fed": True, "rate": rate})]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert server.stdout and server.stdin
    over = threading.Event()
    feeder = threading.Thread(target=_feed, args=(server, rate, over), daemon=True)
    try:
        port = server.stdout.readline().decode().strip()
        assert port, "GStreamer's server did not start"
        feeder.start()
        yield f"rtsp://127.0.0.1:{port}/cam"
    finally:
        over.set()
        if feeder.ident is not None:
            feeder.join(5)
        server.stdin.close()
        server.stdout.close()
        server.kill()
        server.wait()


def _feed(server: "subprocess.Popen[bytes]", rate: int, over: threading.Event) -> None:
    source = PatternSource(Request(SourceConfig("pattern"), over))
    start = due = time.monotonic()
    assert server.stdin
    while not over.wait(max(0.0, due - time.monotonic())):
        jpeg = source.picture(time.time(), due - start)
        try:
            server.stdin.write(len(jpeg).to_bytes(4, "big") + jpeg)
            server.stdin.flush()
        except OSError:
            return
        due = max(due + 1 / rate, time.monotonic() - 1)
