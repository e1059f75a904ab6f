"""One message by Apprise: a JSON object on stdin, another on stdout. Run by itself, as a process of its own, so that a
target that hangs can be ended for certain and the house does not keep a hundred plugins in memory.

In: {"url", "title", "body", "attach": path or null, "check": true to be told only whether the address is one}.
Out: {"ok", "words": what its plugin said, "name": of the service}.
"""

import ctypes
import json
import logging
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> int:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    asked = json.load(sys.stdin)
    if os.getppid() != asked["parent"]:
        return 1
    import apprise

    asset = apprise.AppriseAsset(app_id="Fairwatch", app_desc="Fairwatch", app_url="", secure_logging=True)
    with apprise.LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]
        one = apprise.Apprise.instantiate(asked["url"], asset=asset)
        is_sent = one is not None and (
            asked["check"] or bool(one.notify(asked["body"], asked["title"], **_attached(asked)))
        )
        lines = said.getvalue().strip().splitlines()
    words = lines[-1] if lines and not is_sent else ""
    name = str(one.service_name) if one else ""
    sys.stdout.write(json.dumps({"ok": is_sent, "words": words[:1000], "name": name[:80]}))
    return 0


def _attached(asked: dict[str, str | None]) -> dict[str, str]:
    return {"attach": asked["attach"]} if asked["attach"] else {}


if __name__ == "__main__":
    sys.exit(main())
