"""A camera for the benchmarks: MJPEG over HTTP at an exact rate, on loopback.

    .venv/bin/python -m benchmarks.camera --fps 15 --port 8100

Every address but `/state` gives the stream. Picture k leaves at start + k / fps on the monotonic clock, so the rate
does not drift, and carries its number and that clock's time in a comment (benchmarks/scene.py). `/state` tells the
schedule, by which a picture whose comment was lost can be dated. A reader that is behind misses pictures.
"""

import argparse
import asyncio
import json
import socket
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.scene import jpegs, read_jpegs, stamp

# mjpg-streamer's input reads no other.
BOUNDARY = b"boundarydonotcross"
_HEAD = b"HTTP/1.0 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Type: "
# Pictures that may wait for one reader.
_MOST_WAITING = 3


class Camera:
    def __init__(self, pictures: list[bytes], fps: float) -> None:
        self.pictures, self.fps = pictures, fps
        self.start = 0.0
        self.number = 0
        self.readers: set[asyncio.StreamWriter] = set()
        self.missed = 0

    async def run(self) -> None:
        """Send for ever."""
        self.start = time.monotonic() + 0.1
        while True:
            await asyncio.sleep(self.start + self.number / self.fps - time.monotonic())
            jpeg = stamp(self.pictures[self.number % len(self.pictures)], self.number)
            self.number += 1
            part = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n--%b\r\n" % (len(jpeg), jpeg, BOUNDARY)
            for reader in self.readers:
                if reader.transport.get_write_buffer_size() > _MOST_WAITING * len(part):
                    self.missed += 1
                else:
                    reader.write(part)

    async def serve(self, incoming: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = await incoming.readuntil(b"\r\n\r\n")
            if request.split(b" ", 2)[1] == b"/state":
                out.write(_HEAD + b"application/json\r\n\r\n" + json.dumps(self.state()).encode())
            else:
                out.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                out.write(_HEAD + b"multipart/x-mixed-replace;boundary=%b\r\n\r\n--%b\r\n" % (BOUNDARY, BOUNDARY))
                self.readers.add(out)
                while await incoming.read(4096):
                    pass
        self.readers.discard(out)
        out.close()

    def state(self) -> dict[str, float]:
        """`start`: monotonic seconds at which picture 0 left; `loop`: after so many pictures the same come again."""
        return {"start": self.start, "fps": self.fps, "loop": len(self.pictures), "missed": self.missed}


async def main(options: argparse.Namespace) -> None:
    width, height = (int(side) for side in options.size.split("x"))
    pictures = read_jpegs(options.pictures) if options.pictures else jpegs(options.count, width, height)
    camera = Camera(pictures, options.fps)
    server = await asyncio.start_server(camera.serve, "127.0.0.1", options.port, backlog=128)
    port = server.sockets[0].getsockname()[1]
    middle = sorted(len(one) for one in pictures)[len(pictures) // 2]
    print(json.dumps({"url": f"http://127.0.0.1:{port}/?action=stream", "port": port, "bytes": middle}), flush=True)
    await camera.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fps", type=float, default=15)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--port", type=int, default=0, help="0: a free one; it is printed")
    parser.add_argument("--count", type=int, default=150, help="pictures until they come again, at most 4096")
    parser.add_argument("--pictures", type=Path, help="a file made by benchmarks.scene.write_jpegs")
    with suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args()))
