"""«Test connection»: a camera process of its own opens the source once and hands back a picture or the reason."""

import json
import logging
import signal
import subprocess
import threading
from dataclasses import asdict
from typing import Any

from camera.addresses import KINDS
from camera.engine.supervisor import spawn
from camera.packets import Reason, SourceConfig

logger = logging.getLogger(__name__)
TIMEOUT = 18.0


def test_connection(values: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Open the source described by `values` (fields of SourceConfig) and give ({"ok", …}, JPEG or b"").

    Takes up to 18 s; a source that cannot be read gives {"ok": False, "reason", "detail"}.
    """
    try:
        source = SourceConfig(**values)
    except TypeError:
        return {"ok": False, "reason": Reason.BAD_STREAM, "detail": "the description of the camera cannot be read"}, b""
    if source.kind not in KINDS:
        return {"ok": False, "reason": Reason.REFUSED, "detail": "there is no such kind of camera"}, b""
    process = spawn({"camera": 0, "token": "", "source": asdict(source)}, "--probe", stdout=subprocess.PIPE)
    # Not communicate(): it would close stdin, by which a camera process knows that its engine is gone.
    timer = threading.Timer(TIMEOUT, process.kill)
    timer.start()
    output = process.stdout.read() if process.stdout else b""
    process.wait()
    timer.cancel()
    line, _, picture = output.partition(b"\n")
    try:
        answer = dict(json.loads(line))
    except (ValueError, TypeError, RecursionError):
        logger.warning("test connection: the camera process ended with %s and no answer", process.returncode)
        detail = "no picture in time" if process.returncode == -signal.SIGKILL else "the stream crashed its reader"
        return {"ok": False, "reason": Reason.BAD_STREAM, "detail": detail}, b""
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
    return answer, picture
