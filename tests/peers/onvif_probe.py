"""Answers WS-Discovery for the ONVIF camera of the tests, and badly where a test wants that."""

import contextlib
import re
import socket
import threading
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.peers.onvif_camera import OnvifCamera

GROUP, PORT = "239.255.255.250", 3702
_MATCHES = """<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" \
xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" \
xmlns:wsdd="http://schemas.xmlsoap.org/ws/2005/04/discovery" \
xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header>\
<wsa:MessageID>urn:uuid:{reply}</wsa:MessageID><wsa:RelatesTo>{asked}</wsa:RelatesTo>\
<wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>\
<wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsa:Action></SOAP-ENV:Header><SOAP-ENV:Body>\
<wsdd:ProbeMatches><wsdd:ProbeMatch><wsa:EndpointReference><wsa:Address>urn:uuid:{number}</wsa:Address>\
</wsa:EndpointReference><wsdd:Types>{types}</wsdd:Types><wsdd:Scopes>{scopes}</wsdd:Scopes><wsdd:XAddrs>{address}\
</wsdd:XAddrs><wsdd:MetadataVersion>1</wsdd:MetadataVersion></wsdd:ProbeMatch></wsdd:ProbeMatches></SOAP-ENV:Body>\
</SOAP-ENV:Envelope>"""


def matches(
    address: str,
    name: str = "Turret 5",
    model: str = "M1",
    number: str = "",
    asked: str = "",
    types: str = "dn:NetworkVideoTransmitter tds:Device",
) -> bytes:
    """A reply as cameras write it. `address`: what it says of where its device service is."""
    scope = "onvif://www.onvif.org/"
    scopes = f"{scope}Profile/Streaming {scope}type/ptz {scope}hardware/{quote(model)} {scope}name/{quote(name)}"
    return _MATCHES.format(
        reply=uuid.uuid4(), asked=asked, number=number or uuid.uuid4(), types=types, scopes=scopes, address=address
    ).encode()


class DiscoveryResponder:
    """A context manager. Listens by multicast on the loopback interface at 3702; with `port` 0 instead at the camera's
    host, on any port (`place` tells which). `replies`: what is sent instead of the camera's own answer, all of it."""

    def __init__(self, camera: "OnvifCamera | None" = None, host: str = "127.0.0.2", port: int = PORT) -> None:
        self.camera, self.host = camera, camera.host if camera else host
        self.number = str(uuid.uuid4())
        self.replies: list[bytes] | None = None
        self.probes: list[bytes] = []
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.bind((self.host, port if port != PORT else 0))
        self._sockets = [self._sender]
        if port == PORT:
            self._sockets.append(_listening())
        self.place: tuple[str, int] = self._sender.getsockname()

    def __enter__(self) -> "DiscoveryResponder":
        for sock in self._sockets:
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _serve(self, sock: socket.socket) -> None:
        while True:
            try:
                probe, asker = sock.recvfrom(65536)
            except OSError:
                return
            if not probe:
                return
            self.probes.append(probe)
            for reply in self._answers(probe):
                with contextlib.suppress(OSError):
                    # From the camera's own address, as a real one's reply comes.
                    self._sender.sendto(reply, asker)

    def _answers(self, probe: bytes) -> list[bytes]:
        if self.replies is not None:
            return self.replies
        if self.camera is None or not re.search(rb"Probe>.*(NetworkVideoTransmitter|tds:Device)", probe):
            return []
        asked = re.search(rb"MessageID>([^<]*)<", probe)
        said = f"{self.camera.says}/onvif/device_service"
        return [matches(said, self.camera.model, "M1", self.number, asked[1].decode() if asked else "")]


def _listening() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Bound to the group, so that several may listen and none of them hears anything else.
    sock.bind((GROUP, PORT))
    member = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    return sock
