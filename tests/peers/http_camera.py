"""An HTTP camera with every habit that real ones have. Loopback, one thread a connection, standard library only."""

import base64
import contextlib
import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

Answer = Callable[["Visit"], None]


class Visit:
    """One request: what was asked, and ways to answer."""

    def __init__(self, sock: socket.socket, method: str, path: str, headers: dict[str, str]) -> None:
        self.sock, self.method, self.path, self.headers = sock, method, path, headers
        self.camera: HttpCamera

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reply(self, status: str, headers: Iterable[str] = (), body: bytes = b"", length: bool = True) -> None:
        lines = [f"HTTP/1.1 {status}", *headers]
        if length:
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    def wait(self) -> None:
        """Say no more until the camera is closed."""
        self.camera.over.wait()


class HttpCamera:
    """`answer` is called for each request; `asked` lists them. `over` is set when the test ends."""

    def __init__(self, answer: Answer, certificate: Path | None = None) -> None:
        self.answer, self.over = answer, threading.Event()
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self.asked: list[Visit] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/video"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        data = b""
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            while not self.over.is_set():
                while b"\r\n\r\n" not in data:
                    piece = sock.recv(8192)
                    if not piece:
                        return
                    data += piece
                head, _, data = data.partition(b"\r\n\r\n")
                first, *rest = head.decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ", 2)
                headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
                visit = Visit(sock, method, path, headers)
                visit.camera = self
                self.asked.append(visit)
                self.answer(visit)
        except OSError:
            return
        finally:
            sock.close()

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            sock.close()


@contextmanager
def http_camera(answer: Answer, certificate: Path | None = None) -> Iterator[HttpCamera]:
    camera = HttpCamera(answer, certificate)
    try:
        yield camera
    finally:
        camera.close()


def multipart(
    pictures: Iterable[bytes],
    declared: str = "frame",
    line: str = "--frame",
    length: bool = True,
    newline: str = "\r\n",
) -> Answer:
    """A stream of `pictures`, then the connection stays open in silence."""

    def answer(visit: Visit) -> None:
        visit.reply("200 OK", [f"Content-Type: multipart/x-mixed-replace; boundary={declared}"], length=False)
        for picture in pictures:
            head = [line, "Content-Type: image/jpeg", *([f"Content-Length: {len(picture)}"] if length else [])]
            visit.send((newline.join(head) + newline * 2).encode() + picture + newline.encode())
        visit.wait()

    return answer


def single(pictures: Iterator[bytes], kind: str = "image/jpeg") -> Answer:
    """One picture a request."""
    return lambda visit: visit.reply("200 OK", [f"Content-Type: {kind}"], next(pictures))


def with_login(scheme: str, username: str, password: str, answer: Answer, qop: bool = True) -> Answer:
    """`answer` only for those who log in by "basic" or "digest"."""
    nonce, realm = "abc123", 'a, "quoted" camera' if scheme == "digest" else "camera"
    shown = realm.replace('"', '\\"')
    challenge = f'Digest realm="{shown}", nonce="{nonce}"' + (', qop="auth,auth-int", opaque="o=p"' if qop else "")

    def checked(visit: Visit) -> None:
        got = visit.headers.get("authorization", "")
        if scheme == "basic":
            good = got == "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        else:
            good = digest_is_right(got, visit.method, username, password, realm, nonce)
        if good:
            answer(visit)
        else:
            asks = challenge if scheme == "digest" else f'Basic realm="{realm}"'
            visit.reply("401 Unauthorized", [f"WWW-Authenticate: {asks}"], b"<h1>no</h1>")

    return checked


def digest_is_right(got: str, method: str, username: str, password: str, realm: str, nonce: str) -> bool:
    """RFC 7616 by hand, without the code under test."""
    words = {k: (q.replace('\\"', '"') or b) for k, q, b in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', got)}
    if not got.startswith("Digest ") or words.get("username") != username or words.get("nonce") != nonce:
        return False

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    ha1, ha2 = md5(f"{username}:{realm}:{password}"), md5(f"{method}:{words['uri']}")
    if words.get("qop"):
        return words["response"] == md5(f"{ha1}:{nonce}:{words['nc']}:{words['cnonce']}:auth:{ha2}")
    return words["response"] == md5(f"{ha1}:{nonce}:{ha2}")
