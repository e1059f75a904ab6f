"""A Tapo camera on loopback: HTTPS as real ones speak it, so that a program that knows Tapo logs in unchanged.

    with TapoCamera(generation="new", host="127.0.0.2", device=Device(presets={"1": "Door"})) as camera:
        ...  # tapo://… is camera.address, its cloud password CLOUD_PASSWORD
        first = camera.wait_for("motorMove").at      # time.monotonic() when it was on the wire

Generations: old (MD5 in plain HTTPS), new (encrypt_type 3), newest (SPAKE2+).

By hand: python -m tests.peers.tapo_camera --port 8443 --generation new     (one line of JSON per command)
"""

import argparse
import contextlib
import json
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.peers.certificates import outdated_certificate
from tests.peers.tapo_device import Device
from tests.peers.tapo_logins import SESSION_OVER, Door, Gate, NewDoor, OldDoor
from tests.peers.tapo_spake import NewestDoor

CLOUD_PASSWORD = "cloud secret 7"
DOORS: dict[str, type[Door]] = {"old": OldDoor, "new": NewDoor, "newest": NewestDoor}


@dataclass(frozen=True)
class Command:
    """What was on the wire. `at`: time.monotonic(), the same clock in every process of the machine. A log-in is the
    method «login» with its step."""

    at: float
    method: str
    params: dict[str, Any]


class TapoCamera:
    """A context manager. Changes of `device` and `gate` take effect at once. `accounts`: passwords by user; the newest
    generation knows only admin."""

    def __init__(
        self,
        port: int = 0,
        generation: str = "new",
        host: str = "127.0.0.1",
        accounts: dict[str, str] | None = None,
        device: Device | None = None,
        suspends_after: int = 10,
        suspends_for: float = 1800.0,
    ) -> None:
        self.host, self.device = host, device or Device()
        self.gate = Gate(suspends_after, suspends_for)
        accounts = {"admin": CLOUD_PASSWORD} if accounts is None else accounts
        self.door = DOORS[generation](accounts, self.gate, lambda step: self._note("login", {"step": step}))
        self.log: list[Command] = []
        self.on_command: Callable[[Command], None] | None = None
        self.connections = 0
        self._changed, self._free = threading.Condition(), threading.Event()
        self._free.set()
        self._over, self._hanging = False, 0
        self._server = _Server((host, port), self)
        self.port: int = self._server.server_address[1]

    @property
    def address(self) -> str:
        return f"tapo://{self.host}:{self.port}"

    def __enter__(self) -> "TapoCamera":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over = True
        self._free.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.end_all()

    def hang(self) -> None:
        """Take connections and answer nothing, not even the handshake, until `go_on`."""
        self._hanging = 0
        self._free.clear()

    def go_on(self) -> None:
        self._free.set()

    def forget_sessions(self) -> None:
        """As after a restart: who is logged in is so no more."""
        self.door.sessions.clear()

    def commands(self, method: str) -> list[Command]:
        return [command for command in list(self.log) if command.method == method]

    def steps(self, step: str) -> int:
        """How many log-ins came to that step: discover, hello, proof, pake_register, pake_share."""
        return sum(command.params["step"] == step for command in self.commands("login"))

    def wait_for(self, method: str, seconds: float = 5.0, count: int = 1) -> Command:
        """The `count`th command of that name, from the beginning. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.commands(method)) >= count, seconds):
                raise TimeoutError(f"no {method} within {seconds} s")
        return self.commands(method)[count - 1]

    def _note(self, method: str, params: dict[str, Any]) -> None:
        command = Command(time.monotonic(), method, params)
        with self._changed:
            self.log.append(command)
            self._changed.notify_all()
        if self.on_command is not None:
            self.on_command(command)

    def wait_for_hanging(self, seconds: float = 5.0) -> None:
        """Until somebody waits for an answer in vain."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._hanging > 0, seconds):
                raise TimeoutError(f"nobody asked within {seconds} s")

    def wait_until_free(self) -> None:
        with self._changed:
            self._hanging += not self._free.is_set()
            self._changed.notify_all()
        self._free.wait()
        if self._over:
            raise ConnectionAbortedError

    def answer(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body."""
        if path == "/":
            status, answer = self.door.login(json.loads(body)["params"])
            return status, json.dumps(answer).encode()
        session = self.door.sessions.get(path.partition("/stok=")[2].partition("/")[0])
        request = session.open_letter(body, headers) if session is not None else None
        if session is None or request is None:
            return 200, json.dumps({"error_code": SESSION_OVER}).encode()
        sealed = session.seal(self._carry_out(request))
        return 200, sealed if isinstance(sealed, bytes) else json.dumps(sealed).encode()

    def _carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("method") != "multipleRequest":
            return self._one(request)
        answers = [self._one(single) for single in request["params"]["requests"]]
        return {"error_code": 0, "result": {"responses": answers}}

    def _one(self, request: dict[str, Any]) -> dict[str, Any]:
        method = str(request["method"])
        rest = {key: value for key, value in request.items() if key != "method"}
        self._note(method, rest if method in ("do", "get", "set") else request.get("params") or {})
        return self.device.answer(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def setup(self) -> None:
        self.server.camera.wait_until_free()
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.server.take(self.request)
        super().setup()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.camera.wait_until_free()
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.server.camera.answer(self.path, body, headers)
        kind = "application/json" if answer[:1] == b"{" else "application/octet-stream"
        place = f"Location: {json.loads(answer)['Location']}\r\n" if status == 307 else ""
        head = f"HTTP/1.1 {status} -\r\n{place}Content-Type: {kind}\r\nContent-Length: {len(answer)}\r\n\r\n"
        self.wfile.write(head.encode() + answer)

    def log_message(self, format: str, *arguments: Any) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], camera: TapoCamera) -> None:
        self.camera = camera
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            self.tls.load_cert_chain(outdated_certificate(Path(folder)))
        self._open: set[Any] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> Any:
        sock, peer = super().get_request()
        self.camera.connections += 1
        self._open.add(sock)
        return sock, peer

    def take(self, sock: Any) -> None:
        self._open.add(sock)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end_all(self) -> None:
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a program that hangs up, or a handshake that fails


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--generation", choices=list(DOORS), default="new")
    parser.add_argument("--password", default=CLOUD_PASSWORD, help="of the user admin: the cloud password")
    parser.add_argument("--username", default="", help="of the camera account, which older cameras let in")
    parser.add_argument("--model", default="C210")
    parser.add_argument("--no-motor", action="store_true")
    parser.add_argument("--privacy", action="store_true")
    parser.add_argument("--preset", action="append", default=[], help="a position's name; may be given again")
    asked = parser.parse_args()
    accounts = {"admin": asked.password} | ({asked.username: asked.password} if asked.username else {})
    presets = {str(number): name for number, name in enumerate(asked.preset, 1)}
    device = Device(model=asked.model, has_motor=not asked.no_motor, privacy=asked.privacy, presets=presets)

    def say(command: Command) -> None:
        sys.stdout.write(json.dumps({"at": command.at, "method": command.method, "params": command.params}) + "\n")
        sys.stdout.flush()

    with TapoCamera(asked.port, asked.generation, asked.host, accounts, device) as camera:
        camera.on_command = say
        sys.stderr.write(f"{camera.address} ({asked.generation} log-in)\n")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
