"""What an ONVIF camera answers when something does not work, in words; and which log-ins were refused before."""

import hashlib
import logging
import re
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from zeep.exceptions import Fault

from camera.packets import Reason, SourceError
from camera.ptz.driver import Code, Login, PtzError

log = logging.getLogger(__name__)

# Seconds until a refused log-in is tried again; doubled with each refusal.
_FIRST_WAIT, _LONGEST_WAIT = 10.0, 300.0
# How long a camera is left alone that says it takes no log-ins now but not how long.
LOCKED = 300.0
_MOST_KNOWN = 200


class RefusedError(aiohttp.ClientError):
    """The camera refuses the user name or password."""


class LockedError(aiohttp.ClientError):
    """The camera takes no log-ins for now; `wait` in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__("locked")
        self.wait = wait


class AnswerError(aiohttp.ClientError):
    """The answer is too long, hostile or not ONVIF."""


# ONVIF's own names of faults that tell something. What is not here is told in the camera's words.
_FAULTS: dict[str, tuple[Code, str]] = {
    "NoToken": (Code.NO_PRESET, "The camera does not know that position any more."),
    "NoHomePosition": (Code.NO_PRESET, "The camera has no home position yet. Set one in the camera itself."),
    "TooManyPresets": (Code.FAILED, "The camera keeps no more positions. Delete one first."),
    "InvalidPresetName": (Code.FAILED, "The camera does not take that name. Use letters and digits only."),
    "PresetExist": (Code.FAILED, "The camera has a position of that name already."),
    "CannotOverwriteHome": (Code.FAILED, "The camera does not let its home position be changed."),
    "MovingPTZ": (Code.BUSY, "The camera is still moving."),
    "InvalidPosition": (Code.AT_THE_END, "It cannot move any further that way."),
    "SpaceNotSupported": (Code.NOT_SUPPORTED, "The camera cannot move in that way."),
    "VelocityNotSupported": (Code.NOT_SUPPORTED, "The camera cannot move in that way."),
    "PTZNotSupported": (Code.NOT_SUPPORTED, "This camera has no motor."),
    "ActionNotSupported": (Code.NOT_SUPPORTED, "The camera cannot do that."),
    "OptionalActionNotImplemented": (Code.NOT_SUPPORTED, "The camera cannot do that."),
}
# Some tell it in words only.
_REFUSED = re.compile(r"(?i)(not |un)authori[sz]ed|authentication failed|authority failure")
_REFUSALS = frozenset({"NotAuthorized", "SenderNotAuthorized", "FailedAuthentication", "InvalidSecurity"})
WRONG = "The camera refuses the user name or password."


def names(error: Fault) -> set[str]:
    """The fault's codes without their prefixes, for instance {"Sender", "InvalidArgVal", "NoToken"}."""
    codes = [error.code, *(error.subcodes or [])]
    return {re.split(r"[:}]", str(code).strip()[-200:])[-1] for code in codes[:10] if code is not None}


def is_refusal(error: BaseException) -> bool:
    """Whether the camera refuses the log-in, or what it is asked for by this user."""
    if isinstance(error, Fault):
        return bool(names(error) & _REFUSALS or _REFUSED.search(str(error.message)[:200]))
    return isinstance(error, RefusedError)


def told(error: BaseException, host: str) -> PtzError:
    """What went wrong, for people. Takes every error that the library may raise."""
    if isinstance(error, PtzError):
        return error
    if isinstance(error, LockedError):
        return locked(error.wait)
    if is_refusal(error):
        return PtzError(Code.WRONG_PASSWORD, WRONG)
    if isinstance(error, Fault):
        return _of_fault(error)
    if isinstance(error, SourceError):
        code = Code.FAILED if error.reason == Reason.REFUSED else Code.UNREACHABLE
        return PtzError(code, f"The camera cannot be reached: {error.detail}.")
    return _of_line(error, host)


def _of_line(error: BaseException, host: str) -> PtzError:
    if isinstance(error, TimeoutError):
        return PtzError(Code.UNREACHABLE, f"The camera at {host} does not answer in time.")
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return PtzError(Code.UNREACHABLE, f"The camera at {host} cannot be reached.")
    # The place and not the words: these are the camera's, and may repeat what it was sent.
    places = [f"{Path(one.filename).name}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)[-3:]]
    log.warning("an ONVIF camera's answer could not be read: %s at %s", type(error).__name__, ", ".join(places))
    return PtzError(Code.FAILED, f"What answers at {host} does not speak ONVIF as it should.")


def locked(wait: float) -> PtzError:
    minutes = max(1, round(wait / 60))
    words = f"{minutes} minute{'s' if minutes > 1 else ''}"
    return PtzError(Code.LOCKED_OUT, f"The camera takes no log-ins for now. Try again in {words}.", wait)


def _of_fault(error: Fault) -> PtzError:
    for name in names(error):
        if name in _FAULTS:
            return PtzError(*_FAULTS[name])
    # The camera's words go to people: a line of them, and nothing that does not print.
    said = "".join(letter for letter in str(error.message or "").strip()[:120] if letter.isprintable())
    return PtzError(Code.FAILED, f"The camera says: {said}" if said else "The camera refuses that without saying why.")


@dataclass(slots=True)
class _Refused:
    times: int = 0
    until: float = 0.0


class Refusals:
    """A log-in that was refused is not sent again at once: cameras lock everybody out after a few. Kept for the whole
    process, so that it holds for whoever asks next; a changed password may be tried at once."""

    def __init__(self) -> None:
        self._known: dict[str, _Refused] = {}

    def check(self, login: Login) -> None:
        """Raises PtzError while that log-in, or every one at that camera, is better not sent."""
        now = time.monotonic()
        if (left := self._left(_place(login), now)) > 0:
            raise locked(left)
        if (left := self._left(_key(login), now)) > 0:
            raise PtzError(Code.WRONG_PASSWORD, f"{WRONG} It is asked again in {round(left) or 1} s.", left)

    def note(self, login: Login, error: BaseException) -> None:
        """Remember what `error` means for the next log-in."""
        if isinstance(error, LockedError):
            self._put(_place(login), _Refused(1, time.monotonic() + error.wait))
        elif is_refusal(error):
            known = self._known.get(_key(login)) or _Refused()
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(known.times, 10))
            self._put(_key(login), _Refused(known.times + 1, time.monotonic() + wait))

    def forget(self, login: Login) -> None:
        self._known.pop(_key(login), None)
        self._known.pop(_place(login), None)

    def clear(self) -> None:
        self._known.clear()

    def _left(self, key: str, now: float) -> float:
        known = self._known.get(key)
        return known.until - now if known is not None else 0.0

    def _put(self, key: str, refused: _Refused) -> None:
        self._known.pop(key, None)
        self._known[key] = refused
        while len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]


def _place(login: Login) -> str:
    return login.address


def _key(login: Login) -> str:
    secret = "\0".join((login.address, login.username, login.password))
    return hashlib.sha256(secret.encode()).hexdigest()


refusals = Refusals()
