"""Getting into a Tapo camera, and never asking more of its patience than one try. Blocking; one thread at a time."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
from pytapo import Tapo  # type: ignore[import-untyped]
from pytapo.transport.tpap.tpap import legacy_login_offered, tpap_from_discover  # type: ignore[import-untyped]

from camera.addresses import host_and_port
from camera.packets import Reason, SourceError
from camera.ptz.driver import Code, Login, PtzError
from camera.ptz.tapo_wire import CutShortError, EndlessLoginError, Wire
from camera.ptz.tapo_words import (
    SESSION_OVER,
    code_of,
    in_words,
    is_session_over,
    locked_out,
    nameless,
    refused,
    seconds_left,
    silent,
    strange,
    unreachable,
)
from camera.sources import net

T = TypeVar("T")
_RESOLVE_S = 3.0
# A suspension whose length the camera does not tell; the usual one.
_LONG = 1800.0
_ENDINGS = (Code.WRONG_PASSWORD, Code.LOCKED_OUT, Code.UNREACHABLE)
# The newest cameras say this to the log-in of the generation before.
_NEEDS_SPAKE = -40211


@dataclass(frozen=True, slots=True)
class _Generation:
    """Which log-in a camera wants: pytapo's name of it, whether it is encrypted, what the newest kind says of it."""

    method: str
    encrypted: bool = False
    terms: dict[str, Any] | None = None


class _Control(Tapo):  # type: ignore[misc]
    """pytapo over our own connection. It asks the camera something as soon as it is made; that is when we step in."""

    def __init__(
        self, wire: Wire, generation: _Generation, host: str, port: int, account: tuple[str, str, str]
    ) -> None:
        self._wire, self._generation = wire, generation
        user, password, cloud_password = account
        try:
            super().__init__(
                host, user, password, cloudPassword=cloud_password, controlPort=port, isKLAP=False, retryStok=False,
                transportMethod=generation.method, printDebugInformation=False, printWarnInformation=False,
            )  # fmt: skip
        except BaseException:
            self.leave()
            raise

    def getBasicInfo(self) -> Any:  # noqa: N802 (the name is pytapo's)
        if not hasattr(self, "basicInfo"):
            self._take_wire()
        return super().getBasicInfo()

    def isSupportingPresets(self) -> Any:  # noqa: N802 (the name is pytapo's)
        return {}  # asked with everything else

    def _take_wire(self) -> None:
        transport, wire = self.transport, self._wire
        if self._generation.method == "tpap":
            transport.session, transport.tpapInfo = wire, self._generation.terms
            return
        request = transport._request

        def over_wire(*arguments: Any, **options: Any) -> Any:
            transport.session = wire
            return request(*arguments, **options)

        transport._request = over_wire
        transport.isSecureConnectionCached = self._generation.encrypted

    def leave(self) -> None:
        loop = getattr(self.asyncHandler, "_loop", None)
        if loop is not None and not loop.is_running():
            loop.close()


class Entry:
    """The way into one camera, made once for each login: it remembers a refused password and a suspension."""

    def __init__(self, login: Login) -> None:
        self._login, self._wire = login, Wire()
        self.host, self._port = host_and_port(login.address)
        self._control: _Control | None = None
        self._is_refused, self._locked_until = False, 0.0

    @property
    def is_open(self) -> bool:
        return self._control is not None

    def begin(self, until: float) -> None:
        self._wire.begin(until)

    def cut(self, until: float) -> None:
        self._wire.cut(until)

    def leave(self) -> None:
        control, self._control = self._control, None
        if control is not None:
            control.leave()
        self._wire.leave()

    def ask(self, what: Callable[[Any], T]) -> T:
        """What `what` answers, which gets pytapo's object. Raises PtzError and nothing else."""
        try:
            return what(self._enter())
        except Exception as error:  # pytapo raises bare ones
            problem = self._problem(error)
        # Not from within: nothing of the library's words is to hang on to this error.
        raise problem

    def _enter(self) -> _Control:
        if self._control is not None:
            return self._control
        if self._locked_until > (now := time.monotonic()):
            raise locked_out(self._locked_until - now)
        if self._is_refused:
            raise refused()
        account = self._account()
        target = net.resolve(self.host, self._port, self._login.allow_loopback, _RESOLVE_S)
        generation = self._find_generation(target.netloc, account[0])
        host = target.netloc.rpartition(":")[0]
        self._control = _Control(self._wire, generation, host, self._port, account)
        return self._control

    def _account(self) -> tuple[str, str, str]:
        """User, password and cloud password as pytapo takes them: the owner's account, or else the camera's own."""
        login = self._login
        if login.cloud_password:
            return "admin", login.cloud_password, login.cloud_password
        if login.password:
            return login.username or "admin", login.password, ""
        raise nameless()

    def _find_generation(self, netloc: str, user: str) -> _Generation:
        """As pytapo finds it, over our own connection and with the suspension read out of the answers."""
        answer = self._knock(netloc, {"sub_method": "discover"})
        terms = tpap_from_discover(answer)
        if terms is not None:
            return _Generation("tpap", terms=terms)
        if not legacy_login_offered(answer):
            nonce = secrets.token_hex(8).upper()
            answer = self._knock(netloc, {"encrypt_type": "3", "username": user, "cnonce": nonce})
            if answer.get("error_code") == _NEEDS_SPAKE:
                return _Generation("tpap", terms={})
        return _Generation("pytapo", encrypted=legacy_login_offered(answer))

    def _knock(self, netloc: str, params: dict[str, str]) -> dict[str, Any]:
        """What the camera says to a log-in without a password."""
        self._wire.post(f"https://{netloc}/", json={"method": "login", "params": params})
        answer = self._wire.login_answer
        if not answer:
            raise PtzError(Code.FAILED, f"What answers at {self.host} is no Tapo camera.")
        if left := seconds_left(answer):
            raise self._lock(left)
        return answer

    def _lock(self, seconds: float) -> PtzError:
        self._locked_until = time.monotonic() + seconds
        return locked_out(seconds)

    def _problem(self, error: Exception) -> PtzError:
        """What went wrong, in words. Lets go of a session that is of no more use."""
        problem = self._named(error)
        is_over = isinstance(error, CutShortError) or is_session_over(code_of(error))
        if is_over or problem.code in _ENDINGS:
            self.leave()
        return problem

    def _named(self, error: Exception) -> PtzError:
        match error:
            case PtzError():
                named = error
            case SourceError():
                code = Code.UNREACHABLE if error.reason is Reason.NO_SIGNAL else Code.FAILED
                named = PtzError(code, f"{error.detail[:1].upper()}{error.detail[1:]}.")
            case EndlessLoginError():
                named = in_words(SESSION_OVER)
            case CutShortError():
                named = silent(self.host)
            case ValueError():
                named = strange()
            case requests.RequestException():
                named = unreachable(self.host)
            case _:
                named = self._refusal(error)
        return named

    def _refusal(self, error: Exception) -> PtzError:
        """pytapo has no classes for what follows: its words and the camera's last answer to a log-in tell it."""
        words = str(error)
        is_invalid = words == "Invalid authentication data" or words.endswith("Status code: 401")
        self._is_refused = self._is_refused or is_invalid
        left = seconds_left(self._wire.login_answer)
        if left or words.startswith("Temporary Suspension"):
            return self._lock(left or _LONG)
        if is_invalid:
            return refused()
        code = code_of(error)
        return strange() if code is None else in_words(code)
