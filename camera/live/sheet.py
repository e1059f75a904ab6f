"""A picture as it is handed out to many: the kernel sends each of them the same pages instead of a copy."""

import os
import socket

# Below these a copy for each is cheaper than a file for all. Viewers, bytes.
MANY, LARGE = 32, 16_384


class Sheet:
    """`data`, and, where that pays, the same as a file in memory (memfd_create(2)), which goes when the last who needs
    it lets go of this. It is never written to again: what was sent of it may still wait in sockets."""

    __slots__ = ("_file", "data", "size")

    def __init__(self, data: bytes, viewers: int) -> None:
        self.data, self.size = data, len(data)
        self._file = _file(data) if viewers >= MANY and self.size >= LARGE else -1

    def send(self, sock: socket.socket, at: int = 0) -> int:
        """Send what stands from `at` on, as much as `sock` takes now; how many bytes. Raises OSError."""
        if self._file >= 0:
            return os.sendfile(sock.fileno(), self._file, at, self.size - at)
        return sock.send(memoryview(self.data)[at:] if at else self.data)

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)


def _file(data: bytes) -> int:
    """-1 where there can be none: too many files are open."""
    try:
        file = os.memfd_create("picture", os.MFD_CLOEXEC)
    except OSError:
        return -1
    if os.write(file, data) != len(data):
        os.close(file)
        return -1
    return file
