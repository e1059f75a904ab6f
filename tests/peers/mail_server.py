"""A small SMTP server: takes mail, and may be slow, silent, or refuse addresses."""

import email
import email.policy
import socketserver
import ssl
import threading
import time
from email.message import EmailMessage
from types import TracebackType


class MailServer:
    """`mails`: what came in. `slow`: seconds before each answer. `silent`: it never says a word, or a letter a second.
    `refused`: a code for every recipient, instead of 250. `tls`: spoken from the first byte, or with `later` after
    STARTTLS; then nothing is taken before it."""

    def __init__(
        self,
        slow: float = 0.0,
        silent: bool = False,
        drips: bool = False,
        refused: int = 0,
        tls: ssl.SSLContext | None = None,
        later: bool = False,
    ) -> None:
        self.tls, self.later = tls, later
        self.slow, self.silent, self.drips, self.refused = slow, silent, drips, refused
        self.mails: list[EmailMessage] = []
        self.connections = 0
        self._news = threading.Condition()
        self._over = threading.Event()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                try:
                    outer._talk(self)
                except OSError:
                    return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _talk(self, handler: socketserver.StreamRequestHandler) -> None:
        if self.silent:
            self._over.wait(120)
        elif self.drips:
            while not self._over.wait(0.2):
                handler.wfile.write(b"2")
        else:
            self._serve(handler)

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        is_open = self.tls is None or (not self.later and self._wrap(handler))
        self._say(handler, "220 ready")
        while line := handler.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"STARTTLS" and self.tls is not None:
                self._say(handler, "220 go on")
                is_open = self._wrap(handler)
                continue
            self._say(handler, self._answer(word, is_open))
            if word == b"DATA":
                self._take(handler)
                self._say(handler, "250 taken")
            elif word == b"QUIT":
                return

    def _answer(self, word: bytes, is_open: bool) -> str:
        usual = {b"DATA": "354 go on", b"QUIT": "221 bye"}
        if word == b"EHLO" and not is_open:
            return "250-here\r\n250 STARTTLS"
        if word == b"MAIL" and not is_open:
            return "530 TLS first"
        if word == b"RCPT" and self.refused:
            return f"{self.refused} not here"
        return usual.get(word, "250 fine")

    def _wrap(self, handler: socketserver.StreamRequestHandler) -> bool:
        assert self.tls is not None
        handler.connection = self.tls.wrap_socket(handler.connection, server_side=True)
        handler.rfile, handler.wfile = handler.connection.makefile("rb"), handler.connection.makefile("wb", 0)
        return True

    def _say(self, handler: socketserver.StreamRequestHandler, words: str) -> None:
        time.sleep(self.slow)
        handler.wfile.write(words.encode() + b"\r\n")

    def _take(self, handler: socketserver.StreamRequestHandler) -> None:
        lines = []
        while (line := handler.rfile.readline()) and line != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        with self._news:
            self.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))  # type: ignore[arg-type]
            self._news.notify_all()

    def wait(self, number: int, seconds: float = 30.0) -> list[EmailMessage]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.mails) >= number, seconds), f"{len(self.mails)} mails"
            return list(self.mails)

    def __enter__(self) -> "MailServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
