"""What a Tapo camera's error codes mean, in words for people, and how its answers are read without trusting them."""

import json
import math
from typing import Any

from camera.ptz.driver import Code, PtzError

SESSION_OVER = -40401
PRIVACY = -64324
BUSY = -64303
PRESETS_FULL = -64306
# A method, a parameter or a module that this model does not have.
UNKNOWN = frozenset({-40101, -40105, -40106, -40210})
_OVER = frozenset({SESSION_OVER, -40413, -40421, -1102, 9999})

_WORDS: dict[int, tuple[Code, str]] = {
    PRIVACY: (Code.PRIVACY, "The camera is in privacy mode."),
    -64336: (Code.PRIVACY, "The camera may not look there: it is a private area."),
    BUSY: (Code.BUSY, "The camera is still busy with another movement."),
    -64305: (Code.BUSY, "The camera is still moving."),
    -64302: (Code.NO_PRESET, "The camera does not know this position any more."),
    -64321: (Code.NO_PRESET, "The camera does not know this position any more."),
    -64304: (Code.AT_THE_END, "The camera cannot turn any further."),
    PRESETS_FULL: (Code.FAILED, "The camera can remember no more positions; delete one first."),
    -40109: (Code.BUSY, "The camera was asked the same thing twice within a second."),
    -52405: (Code.BUSY, "The camera was asked too much at once."),
    -52407: (Code.BUSY, "Too many programs are connected to the camera."),
    -52419: (Code.BUSY, "Too many programs are connected to the camera."),
}
_LONGEST_WAIT = 24 * 3600


def in_words(code: int) -> PtzError:
    """The error that the camera's answer `code` is."""
    if code in UNKNOWN:
        return PtzError(Code.NOT_SUPPORTED, "This camera cannot do that.")
    if code in _OVER:
        return PtzError(Code.FAILED, "The camera has ended the log-in and takes no new one just now.")
    kind, words = _WORDS.get(code, (Code.FAILED, f"The camera refuses that (its error {code})."))
    return PtzError(kind, words)


def is_session_over(code: int | None) -> bool:
    return code in _OVER


def locked_out(seconds: float) -> PtzError:
    minutes = max(1, math.ceil(seconds / 60))
    return PtzError(
        Code.LOCKED_OUT,
        "The camera has suspended log-ins after too many tries with a wrong password. "
        f"Try again in {minutes} minute{'' if minutes == 1 else 's'}.",
        wait=max(1.0, seconds),
    )


def refused() -> PtzError:
    return PtzError(
        Code.WRONG_PASSWORD,
        "The camera refuses the password of its Tapo account. It is not tried again until another one is given.",
    )


def nameless() -> PtzError:
    return PtzError(
        Code.WRONG_PASSWORD, "A Tapo camera is entered with the password of its Tapo account; none is given."
    )


def unreachable(host: str) -> PtzError:
    return PtzError(Code.UNREACHABLE, f"The camera at {host} cannot be reached.")


def silent(host: str) -> PtzError:
    return PtzError(Code.UNREACHABLE, f"The camera at {host} does not answer in time.")


def strange() -> PtzError:
    return PtzError(Code.FAILED, "The camera gives an answer that cannot be understood.")


def code_of(error: BaseException) -> int | None:
    """The camera's error code that pytapo's exception tells of, or None."""
    own = getattr(error, "code", None)
    if isinstance(own, int):
        return own
    _, found, tail = str(error).partition(", Response: ")
    if not found:
        return None
    try:
        code = json.loads(tail).get("error_code")
    except (ValueError, AttributeError):
        return None
    return code if isinstance(code, int) else None


def dig(answer: Any, *path: str) -> Any:
    """What lies at `path` in nested dictionaries; None where there is nothing."""
    for name in path:
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def plain(value: Any, longest: int = 80) -> str:
    """A text of the camera's, fit to be shown; empty where it is none."""
    if not isinstance(value, str | int):
        return ""
    return "".join(c for c in str(value)[:longest] if c.isprintable()).strip()


def on_or_off(value: Any) -> bool | None:
    return {"on": True, "off": False}.get(value) if isinstance(value, str) else None


def seconds_left(answer: Any) -> float:
    """How long the camera takes no log-in, as its answer to one says; 0 where it does not."""
    for holder in (dig(answer, "error_info"), dig(answer, "data"), dig(answer, "result", "data")):
        left = dig(holder, "sec_left")
        if isinstance(left, int) and left > 0:
            return float(min(left, _LONGEST_WAIT))
    return 0.0


def size(resolution: Any) -> tuple[int, int]:
    """Width and height out of 1920*1080; zeros where it says something else."""
    width, _, height = plain(resolution).partition("*")
    if not (width.isdecimal() and height.isdecimal() and len(width) <= 5 and len(height) <= 5):
        return 0, 0
    return int(width), int(height)
