"""One GET after the other to one camera: pinned to the checked address, logged in when asked, no redirect followed."""

import contextlib
import http.client
import socket
from urllib.parse import urlsplit, urlunsplit

from camera.packets import Reason, SourceConfig, SourceError
from camera.sources import Timeouts
from camera.sources.login import Login
from camera.sources.net import Target
from camera.sources.wire import Watch, connect


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was checked, whatever the name resolves to by now. No proxy is asked."""

    def __init__(self, target: Target, tls: bool, seconds: float) -> None:
        super().__init__(target.host, target.port, timeout=seconds)
        self.default_port = 443 if tls else 80
        self._target, self._tls, self._seconds = target, tls, seconds

    def connect(self) -> None:
        self.sock = connect(self._target, self._tls, self._seconds)


class Asker:
    """`watch` guards every wait: it hangs up when nobody touches it in time."""

    def __init__(self, config: SourceConfig, target: Target, limits: Timeouts) -> None:
        parts = urlsplit(config.address)
        self._path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        self._tls, self._target, self._limits = parts.scheme == "https", target, limits
        self._login = Login(config.username, config.password)
        self._connection: _Pinned | None = None
        self._socket: socket.socket | None = None
        self.watch = Watch(self._hang_up, limits.resolve + limits.connect + limits.open)

    def ask(self) -> http.client.HTTPResponse:
        """The camera's answer with status 200, its body unread. Raises SourceError."""
        for _ in range(3):
            response = self._once()
            challenges = response.headers.get_all("WWW-Authenticate") or []
            if response.status != 401 or not self._login.challenged(challenges):
                break
            self._drop()
        if response.status != 200:
            raise _refusal(response.status)
        return response

    def _once(self) -> http.client.HTTPResponse:
        kept = self._connection is not None
        connection = self._connection = self._connection or _Pinned(self._target, self._tls, self._limits.connect)
        self.watch.touch(self._limits.connect + self._limits.open)
        try:
            if connection.sock is None:
                connection.connect()
            self._socket = connection.sock
            self._socket.settimeout(self._limits.open)
            headers: dict[str, str | bytes] = {"User-Agent": "Fairwatch", "Accept": "*/*"}
            if (answer := self._login.header("GET", self._path)) is not None:
                headers["Authorization"] = answer.encode()
            connection.request("GET", self._path, headers=headers)
            response = connection.getresponse()
            if self.watch.fired:
                raise TimeoutError  # http.client takes headers that were cut off for whole ones
            self._socket.settimeout(self._limits.silence)
            return response
        except (http.client.HTTPException, OSError) as error:
            self._drop()
            if kept and not self.watch.fired and isinstance(error, (ConnectionError, http.client.NotConnected)):
                return self._once()  # the camera had closed the kept connection meanwhile
            raise self._explain(error) from None

    def _explain(self, error: Exception) -> SourceError:
        if self.watch.fired or isinstance(error, TimeoutError):
            return SourceError(Reason.NO_SIGNAL, "it takes the connection but does not answer")
        if isinstance(error, OSError):
            return SourceError(Reason.NO_SIGNAL, "the connection to the camera broke")
        return SourceError(Reason.BAD_STREAM, "what answers there does not speak HTTP")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _hang_up(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.watch.end()
        self._hang_up()
        self._drop()


def _refusal(status: int) -> SourceError:
    if 300 <= status < 400:
        return SourceError(Reason.REFUSED, "the camera points to another address; enter that one instead")
    known = {401: Reason.AUTH_FAILED, 403: Reason.AUTH_FAILED, 404: Reason.NOT_FOUND, 410: Reason.NOT_FOUND}
    reason = known.get(status, Reason.NO_SIGNAL if status >= 500 else Reason.BAD_STREAM)
    return SourceError(reason, f"the camera answers {status} {http.client.responses.get(status, '')}".rstrip())
