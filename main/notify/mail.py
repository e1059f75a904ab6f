"""E-mail, by the server that EMAIL_URL names."""

import hashlib
import smtplib
import socket
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from main.notify.jobs import Job, Outcome, Result, again
from main.notify.pictures import small
from main.notify.wire import TOO_LATE, Deadline

SECONDS = 40.0
NO_SERVER = "no mail server is named (EMAIL_URL)"


class _Plain(smtplib.SMTP):
    """Cut when the time is up, from the first byte on."""

    def __init__(self, *arguments: Any, deadline: Deadline, **options: Any) -> None:
        self.deadline = deadline
        super().__init__(*arguments, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self.deadline.watch(sock)
        return sock


class _Tls(smtplib.SMTP_SSL, _Plain):
    """As _Plain: its socket is watched before it is wrapped, by the order of these two."""

    def __init__(self, *arguments: Any, deadline: Deadline, **options: Any) -> None:
        self.deadline = deadline
        smtplib.SMTP_SSL.__init__(self, *arguments, **options)


class _Backend(EmailBackend):
    """Django's, with connections that end in time."""

    deadline: Deadline

    @property
    def connection_class(self) -> Any:
        return partial(_Tls if self.use_ssl else _Plain, deadline=self.deadline)


def send(job: Job) -> Outcome:
    if not settings.EMAIL_HOST:
        return again(NO_SERVER)
    with Deadline(SECONDS) as deadline:
        backend = _Backend(timeout=10)
        backend.deadline = deadline
        try:
            backend.open()
            backend.send_messages([_mail(job)])
        except (smtplib.SMTPException, OSError) as error:
            return again(TOO_LATE) if deadline.passed or isinstance(error, TimeoutError) else _failed(error)
        finally:
            # Once the server has taken it, how it says good-bye does not matter.
            with suppress(smtplib.SMTPException, OSError):
                backend.close()
    return Outcome(Result.SENT)


def _mail(job: Job) -> EmailMessage:
    message, house = job.message, job.house
    lines = [message.body]
    if house.url:
        lines.append(house.url + message.path)
    lines.append(f"— {house.name}. Which messages you get is chosen on the page «Notifications».")
    title = " ".join(f"{message.title} · {house.name}".split())
    # The same name whenever it is sent again: mail programs show it once.
    name = hashlib.sha256(f"{job.delivery} {job.channel} {message.at}".encode()).hexdigest()[:32]
    domain = settings.EMAIL_FROM.rpartition("@")[2].strip("> ") or "fairwatch.invalid"
    mail = EmailMessage(
        title, "\n\n".join(lines), settings.EMAIL_FROM, [job.target],
        headers={"Message-ID": f"<{name}@{domain}>", "Auto-Submitted": "auto-generated"},
    )  # fmt: skip
    path = small(house.run_dir, job.picture) if job.picture is not None else None
    if path is not None:
        mail.attach("picture.jpg", path.read_bytes(), "image/jpeg")
    return mail


def _failed(error: smtplib.SMTPException | OSError) -> Outcome:
    """Without the server's words, which may repeat anything."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        words = f"the mail server does not take mail for this address ({codes[0] if codes else '?'})"
        return Outcome(Result.REFUSED, words) if codes and min(codes) >= 500 else again(words)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return again("the mail server refuses the name or password of EMAIL_URL")
    if isinstance(error, smtplib.SMTPDataError):
        words = f"the mail server does not take the message ({error.smtp_code})"
        return Outcome(Result.REFUSED, words) if error.smtp_code >= 500 else again(words)
    if isinstance(error, smtplib.SMTPResponseException):
        return again(f"the mail server answers {error.smtp_code}")
    if isinstance(error, OSError) and error.strerror and not isinstance(error, smtplib.SMTPException):
        return again(f"the mail server: {error.strerror.lower()}")
    return again("the mail server ends the connection")
