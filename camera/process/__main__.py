"""`python -m camera.process [--probe]`: one camera, told by a line of JSON on stdin, alive while stdin is open."""

import logging
import os
import signal
import sys

from camera.process import configuration, guard

_LONGEST_LINE = 64 * 1024


def main() -> int:
    guard.harden()
    # Nothing that a library prints may get between the lines of an answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        told = configuration.read(_first_line(0))
    except configuration.ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    guard.log_to_stderr(told.camera, [told.source.password])
    if "--probe" in sys.argv[1:]:
        return _probe(told, answer)
    if told.endpoints is None or not told.token:
        logging.getLogger(__name__).error("the configuration names no endpoints")
        return 2
    return _run(told)


def _probe(told: configuration.Configuration, answer: int) -> int:
    from camera.process.probe import probe

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with os.fdopen(answer, "wb") as pipe:
        pipe.write(probe(told.source, told.timeouts))
    return 0


def _run(told: configuration.Configuration) -> int:
    from camera.process.loop import CameraProcess

    process = CameraProcess(told)
    signal.signal(signal.SIGTERM, lambda *_: process.end())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.run()
    return 0


def _first_line(handle: int) -> bytes:
    """Read byte-exactly from the handle: what is buffered elsewhere could not be polled for."""
    data = b""
    while b"\n" not in data and len(data) < _LONGEST_LINE:
        piece = os.read(handle, 4096)
        if not piece:
            break
        data += piece
    return data.partition(b"\n")[0]


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # A source that hangs in a library's open would keep the interpreter from ending.
    os._exit(code)
