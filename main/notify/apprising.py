"""Everything that Apprise speaks, each message by a process of its own (apprise_child.py)."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

from camera.redact import redact
from main.notify import apprise_child
from main.notify.jobs import Job, Outcome, Result, again
from main.notify.pictures import small
from main.notify.wire import TOO_LATE

SECONDS = 40.0
# What stands before a line of its log: when, and how grave.
LOGGED = re.compile(r"^[\d\-:, ]+ - [A-Z]+ - ")
LONGEST = 1000
# They read files of this machine, speak to its own screen, or are what the house does itself.
CLOSED = frozenset(
    {"file", "vapid", "dbus", "glib", "gio", "gnome", "kde", "qt", "macosx", "windows", "syslog", "blink1"}
)
# Parameters by which a plugin is told to read a file here.
FILES = frozenset({"template", "keyfile", "subfile", "pgpkey", "pgp", "config", "include", "cert", "key_file"})


class BadAddressError(ValueError):
    """Apprise does not know it, or it is not allowed here; the words are for people."""


def check(url: str) -> str:
    """The name of the service behind an Apprise address. Raises BadAddressError."""
    if len(url) > LONGEST or re.search(r"[\x00-\x20\x7f]", url) or "://" not in url:
        raise BadAddressError("An address for Apprise looks like tgram://TOKEN/CHAT or ntfys://TOPIC, without blanks.")
    scheme = url.partition("://")[0].lower()
    if scheme in CLOSED:
        raise BadAddressError(f"{scheme}:// is not taken here.")
    if _parameters(url) & FILES:
        raise BadAddressError("Addresses that name a file of this machine are not taken.")
    answer = _run({"url": url, "check": True, "title": "", "body": "", "attach": None}, 20.0)
    if answer is None:
        raise BadAddressError("Apprise did not answer; try again.")
    if not answer.get("ok"):
        raise BadAddressError("Apprise does not know such an address. Its documentation lists every service.")
    return str(answer.get("name", ""))


def _parameters(url: str) -> set[str]:
    """The names of its parameters as Apprise reads them, which is not as browsers do: from the first question mark on,
    a fragment too, between ampersands or semicolons, without blanks around them."""
    pairs = re.split(r"[&;]", url.partition("?")[2])
    return {unquote(pair.partition("=")[0]).strip().lower() for pair in pairs}


def send(job: Job) -> Outcome:
    message, house = job.message, job.house
    path = small(house.run_dir, job.picture) if job.picture is not None else None
    body = message.body + (f"\n{house.url}{message.path}" if house.url else "")
    asked = {
        "url": job.target, "title": message.title, "body": body, "check": False,
        "attach": str(path) if path is not None else None,
    }  # fmt: skip
    answer = _run(asked, SECONDS)
    if answer is None:
        return again(TOO_LATE)
    if answer.get("ok") is True:
        return Outcome(Result.SENT)
    return again(_told(str(answer.get("words", "")), job.target))


def _told(words: str, url: str) -> str:
    """What the plugin said, without what is secret in the address."""
    secrets = [part for part in re.split(r"[/:@?&=]+", url.partition("://")[2]) if len(part) >= 4]
    plain = redact(LOGGED.sub("", words), [url, *secrets])
    return plain[:200] or "the service did not take it"


def _run(asked: dict[str, object], seconds: float) -> dict[str, object] | None:
    """The child's answer; None when it gave none in time."""
    child = subprocess.Popen(  # noqa: S603 (our own interpreter and file)
        [sys.executable, "-I", str(Path(apprise_child.__file__))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}, start_new_session=True,
    )  # fmt: skip
    try:
        out, _ = child.communicate(json.dumps(asked | {"parent": os.getpid()}).encode(), timeout=seconds)
        found = json.loads(out)
        return found if isinstance(found, dict) else None
    except (subprocess.TimeoutExpired, ValueError, OSError):
        return None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
