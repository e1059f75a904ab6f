"""The HTTP server of the ONVIF camera of the tests."""

import contextlib
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.peers.onvif_camera import OnvifCamera


class SoapServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, place: tuple[str, int], camera: "OnvifCamera") -> None:
        self.camera = camera
        self._open: list[socket.socket] = []
        super().__init__(place, _Handler)
        if camera.certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(camera.certificate)
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: Any) -> None:
        return  # a connection that broke


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together, and at once.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 30
    server: SoapServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        camera = self.server.camera
        name, status, answer = camera.answer(self.path, body, self.headers)
        more = {"Content-Type": "application/soap+xml; charset=utf-8"} | camera.headers.get(name, {})
        with contextlib.suppress(OSError):
            self._send(status, answer, more, len(answer) + (name in camera.trickle))
            if name in camera.trickle:
                camera.over.wait()

    def do_GET(self) -> None:
        picture = self.server.camera.picture
        self._send(200 if picture else 404, picture, {"Content-Type": "image/jpeg"}, len(picture))

    def _send(self, status: int, body: bytes, headers: dict[str, str], length: int) -> None:
        self.send_response(status)
        if status == 401 and self.server.camera.digest:
            challenge = f'Digest realm="onvif", nonce="{self.server.camera.digest}", qop="auth"'
            self.send_header("WWW-Authenticate", challenge)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        return
