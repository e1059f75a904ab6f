"""An ONVIF camera for tests: a SOAP server that checks log-ins for real, moves, keeps positions and tells of movement.

By hand: python -m tests.peers.onvif_camera --host 127.0.0.2 --port 8081 --stream rtsp://127.0.0.2:8554/main
"""

import argparse
import base64
import contextlib
import hashlib
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.peers import onvif_answers as say
from tests.peers.http_camera import digest_is_right
from tests.peers.onvif_motor import Motor, Place, RefusedError, Subscriptions, values_of
from tests.peers.onvif_probe import DiscoveryResponder
from tests.peers.onvif_server import SoapServer

__all__ = ["Command", "DiscoveryResponder", "OnvifCamera"]

_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_T = {"s": say.SOAP, "tt": say.SCHEMA, "wsse": _WSSE, "wsu": _WSU} | say.SERVICES
# How far a log-in's date may be off, in seconds.
_TOLERANCE = 5.0
MOTION = "RuleEngine/CellMotionDetector/Motion"


@dataclass(frozen=True, slots=True)
class Command:
    """One question as it came: `at` is time.monotonic(), `values` what was asked for."""

    name: str
    at: float
    values: dict[str, Any] = field(default_factory=dict)


class OnvifCamera:
    """A context manager. What is no argument of the constructor may be set at any time:

    `ptz`: continuous, relative, absolute or empty (no motor) · `hang`: names of operations that are not answered until
    the camera is closed, "*" for all · `answers`: an operation's answer as raw bytes · `statuses`: an operation's HTTP
    status, without a body · `headers`: more of an operation's HTTP headers · `trickle`: operations whose answers never
    end · `forbidden`: operations this user has no right to, though its password is right ·
    `clock_skew`: seconds its clock is ahead · `says`: where it believes its services are · `digest`: a nonce, when it
    wants HTTP's own log-in as well · `impatient`: it never waits for movement · `picture`: its snapshot, a JPEG
    """

    def __init__(
        self,
        host: str = "127.0.0.2",
        port: int = 0,
        stream_uri: str = "rtsp://127.0.0.2:8554/main",
        small_uri: str = "rtsp://127.0.0.2:8554/small",
        username: str = "admin",
        password: str = "onvif secret ü",
        certificate: Path | None = None,
    ) -> None:
        self.username, self.password = username, password
        self.uris = {"main": stream_uri, "small": small_uri}
        self.model, self.ptz, self.zoom, self.home = "Turret 5", "continuous", True, True
        self.timeouts = (1, 60)
        self.motor = Motor()
        self.ir_cut, self.ir_cut_modes = "AUTO", ("ON", "OFF", "AUTO")
        self.events, self.impatient, self.clock_skew = True, False, 0.0
        self.topics = [f"tns1:{MOTION}"]
        self.hang: set[str] = set()
        self.answers: dict[str, bytes] = {}
        self.statuses: dict[str, int] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.trickle: set[str] = set()
        self.forbidden: set[str] = set()
        self.logs_in_everything, self.digest = False, ""
        self.picture = b""
        self.log: list[Command] = []
        self.paths: list[str] = []
        self.over = threading.Event()
        self._nonces: set[str] = set()
        self._changed = threading.Condition()
        self.subscriptions = Subscriptions(self, self._changed)
        self.certificate = certificate
        self._server = SoapServer((host, port), self)
        self.host, self.port = host, int(self._server.server_address[1])
        self.says = f"http{'s' if certificate else ''}://{host}:{self.port}"
        self.snapshot_uri = f"{self.says}/snapshot.jpg"

    @property
    def address(self) -> str:
        return f"onvif://{self.host}:{self.port}"

    def __enter__(self) -> "OnvifCamera":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with self._changed:
            self._changed.notify_all()
        self._server.stop()

    def stop_listening(self) -> None:
        """As when it loses its line: every connection breaks, and new ones are refused."""
        self._server.stop()

    def listen_again(self) -> None:
        self._server = SoapServer((self.host, self.port), self)
        self._server.start()

    def now(self) -> float:
        """The camera's clock."""
        return time.time() + self.clock_skew

    def services(self) -> list[str]:
        there = {"tds": True, "trt": True, "tev": self.events, "tptz": bool(self.ptz), "timg": bool(self.ir_cut_modes)}
        return [prefix for prefix, is_there in there.items() if is_there]

    @property
    def moving(self) -> Place:
        """Its speed now; nought when it stands, by a command or because a movement's time is over."""
        return self.motor.moving

    def asked(self, *names: str) -> list[Command]:
        return [command for command in list(self.log) if command.name in names]

    def wait_for(self, name: str, count: int = 1, seconds: float = 5.0) -> Command:
        """The `count`-th command of that name; AssertionError when it does not come in time."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.asked(name)) >= count, seconds)
        assert came, f"no {name} number {count} in {seconds} s, but {[one.name for one in self.log]}"
        return self.asked(name)[count - 1]

    def tell(
        self, on: bool, topic: str = MOTION, word: str = "IsMotion", rule: str = "rule0", operation: str = "Changed"
    ) -> None:
        """Something moves, or has stopped, as the camera's own detection says it to everyone who subscribed."""
        self.subscriptions.put(say.message(topic, word, str(on).lower(), say.stamp(self.now()), rule, operation))

    def answer(self, path: str, body: bytes, headers: Any) -> tuple[str, int, bytes]:
        """Operation, status and body for one POST."""
        tree = ET.fromstring(body)
        asked = tree.find("s:Body/*", _T)
        assert asked is not None, body
        name = asked.tag.rpartition("}")[2]
        with self._changed:
            self.log.append(Command(name, time.monotonic(), values_of(asked)))
            self.paths.append(path)
            self._changed.notify_all()
        if self.hang & {"*", name}:
            self.over.wait()
        if name in self.statuses:
            return name, self.statuses[name], b""
        try:
            self._log_in(name, tree, headers)
            if name in self.answers:
                return name, 200, self.answers[name]
            return name, 200, say.envelope(self._do(name, path, asked))
        except RefusedError as error:
            return name, error.status, error.answer

    def _log_in(self, name: str, tree: ET.Element, headers: Any) -> None:
        """WS-UsernameToken, checked for real: the digest, the date by the camera's own clock, each nonce once."""
        if self.digest and not self._digest_is_right(headers):
            raise RefusedError(b"<html>no</html>", 401)
        open_to_all = name == "GetSystemDateAndTime" and not self.logs_in_everything
        token = tree.find("s:Header/wsse:Security/wsse:UsernameToken", _T)
        if token is None and open_to_all:
            return
        no = RefusedError(say.fault("Sender", "NotAuthorized", "Sender not Authorized"))
        if token is None:
            raise no
        user, secret, nonce, created = (
            token.findtext(f"wsse:{one}", "", _T) if one != "Created" else token.findtext("wsu:Created", "", _T)
            for one in ("Username", "Password", "Nonce", "Created")
        )
        wanted = hashlib.sha1(base64.b64decode(nonce) + created.encode() + self.password.encode()).digest()
        is_right = user == self.username and base64.b64encode(wanted).decode() == secret and nonce not in self._nonces
        self._nonces.add(nonce)
        if not is_right or abs(_seconds(created) - self.now()) > _TOLERANCE or name in self.forbidden:
            raise no

    def _digest_is_right(self, headers: Any) -> bool:
        got = headers.get("Authorization", "")
        return digest_is_right(got, "POST", self.username, self.password, "onvif", self.digest)

    def _do(self, name: str, path: str, asked: ET.Element) -> str:
        plain: dict[str, Callable[[OnvifCamera], str]] = {
            "GetSystemDateAndTime": say.clock,
            "GetDeviceInformation": say.information,
            "GetServices": say.services,
            "GetCapabilities": say.capabilities,
            "GetProfiles": say.profiles,
            "GetNode": say.node,
            "GetConfigurationOptions": say.options,
            "GetStatus": say.status,
            "GetPresets": say.presets,
            "GetOptions": say.imaging_options,
            "GetEventProperties": say.topics,
            "GetImagingSettings": say.imaging,
        }
        if name in plain:
            return plain[name](self)
        if name in ("GetStreamUri", "GetSnapshotUri"):
            profile = asked.findtext("trt:ProfileToken", "", _T)
            return say.uri(name, self.uris[profile] if name == "GetStreamUri" else self.snapshot_uri)
        if name in ("CreatePullPointSubscription", "PullMessages", "Renew", "Unsubscribe"):
            return self.subscriptions.do(name, path.rpartition("/")[2], values_of(asked))
        if name == "SetImagingSettings":
            self.ir_cut = asked.findtext(".//tt:IrCutFilter", "", _T)
            return "<timg:SetImagingSettingsResponse/>"
        return self.motor.do(name, values_of(asked))


def _seconds(created: str) -> float:
    return datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.2")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--stream", default="rtsp://127.0.0.2:8554/main")
    parser.add_argument("--small", default="")
    parser.add_argument("--username", default="admin")
    parser.add_argument("--password", default="secret")
    parser.add_argument("--ptz", default="continuous", choices=("continuous", "relative", "absolute", "none"))
    parser.add_argument("--every", type=float, default=0.0, help="tell of movement every so many seconds")
    asked = parser.parse_args()
    with OnvifCamera(asked.host, asked.port, asked.stream, asked.small, asked.username, asked.password) as camera:
        camera.ptz = "" if asked.ptz == "none" else asked.ptz
        with DiscoveryResponder(camera):
            print(f"{camera.address} (Ctrl+C ends it)", flush=True)
            _show(camera, asked.every)


def _show(camera: OnvifCamera, every: float) -> None:
    shown, on, turn = 0, False, time.monotonic() + every
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(0.2)
            for command in camera.log[shown:]:
                print(f"{command.at:.3f} {command.name} {command.values}", flush=True)
                shown += 1
            if every and time.monotonic() >= turn:
                on, turn = not on, time.monotonic() + every
                camera.tell(on)


if __name__ == "__main__":
    main()
