"""TLS=local: a certificate authority of the house's own and a server certificate for its names, kept in RUN_DIR/tls.

Devices trust the authority once; server certificates are renewed under it without anybody noticing. Both keys are
readable by this user alone and never served.
"""

import fcntl
import ipaddress
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

logger = logging.getLogger(__name__)

AUTHORITY_DAYS = 3650
# Phones and browsers refuse server certificates that are valid for more than 397 days.
SERVER_DAYS = 390
RENEW_DAYS = 30
# A Pi without a clock may be an hour behind.
EARLIER = timedelta(days=1)


class CertificateError(Exception):
    """The certificates cannot be made or kept; the message says which folder and why."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files, all PEM, and what people compare."""

    authority: Path
    certificate: Path
    key: Path
    fingerprint: str


def ensure_certificates(folder: Path, hosts: list[str]) -> Certificates:
    """The certificates in `folder`; made or renewed where missing, damaged, old or for other hosts.

    Several processes may ask at once. Raises CertificateError where the folder cannot be written.
    """
    try:
        with _alone(folder):
            return _ensure(folder, hosts)
    except OSError as error:
        raise CertificateError(
            f"the certificates cannot be kept in {folder}: {error.strerror or error}. "
            "Make it writable for the user Fairwatch runs as, or set RUN_DIR to another folder."
        ) from None


def authority_of(folder: Path) -> x509.Certificate | None:
    """The authority in `folder`, without its key; None where there is none (yet)."""
    try:
        return x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    except (OSError, ValueError):
        return None


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 as every device shows it: pairs of hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _ensure(folder: Path, hosts: list[str]) -> Certificates:
    authority, authority_key = _authority(folder / "ca.crt", folder / "ca.key")
    certificate_file, key_file = folder / "server.crt", folder / "server.key"
    if not _still_good(certificate_file, key_file, hosts, authority):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _server_certificate(hosts, key.public_key(), authority, authority_key)
        _write(key_file, _key_pem(key))
        _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
    return Certificates(folder / "ca.crt", certificate_file, key_file, fingerprint(authority))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _names(hosts: list[str]) -> list[x509.GeneralName]:
    """What a certificate for `hosts` is made out to; as in ALLOWED_HOSTS `.name` means the name and all below it."""
    names: dict[x509.GeneralName, None] = {}
    for host in hosts:
        with suppress(ValueError):
            names[x509.IPAddress(ipaddress.ip_address(host.strip("[]")))] = None
            continue
        plain = host.strip(".").lower()
        for name in (plain, "*." + plain) if host.startswith(".") else (plain,):
            # A name that is too long for the network's name service cannot be asked for either.
            with suppress(UnicodeError):
                names[x509.DNSName(name.encode("idna").decode())] = None
    return list(names) or [x509.DNSName("localhost")]


def _still_good(certificate_file: Path, key_file: Path, hosts: list[str], authority: x509.Certificate) -> bool:
    pair = _load(certificate_file, key_file)
    if pair is None:
        return False
    certificate, now = pair[0], datetime.now(UTC)
    if certificate.not_valid_after_utc - now < timedelta(days=RENEW_DAYS) or certificate.not_valid_before_utc > now:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:
        # Whatever is wrong with it, another one is made.
        return False
    return set(held) == set(_names(hosts))


def _load(file: Path, key_file: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """A certificate and its own key; None where one is missing, damaged or not the other's."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None
    return certificate, key


def _authority(file: Path, key_file: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    pair = _load(file, key_file)
    if pair is not None and _is_authority(pair[0]):
        return pair
    put_aside = [old for old in (file, key_file) if old.exists()]
    for old in put_aside:
        # Somebody may have put it there with care.
        old.replace(old.with_name(old.name + ".replaced"))
    if put_aside:
        logger.error(
            "the certificate authority in %s cannot be used any more and a new one was made: every device has to "
            "trust it anew (the old files are called ….replaced)", file.parent,
        )  # fmt: skip
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Fairwatch house authority {os.urandom(3).hex()}")])
    now = datetime.now(UTC)
    certificate = (
        _builder(name, name, key.public_key(), now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, _key_pem(key))
    _write(file, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign, and lasts longer than the server certificates that are still to be made under it."""
    try:
        signs = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
    return signs and certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=RENEW_DAYS)


def _server_certificate(
    hosts: list[str],
    public_key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    names = _names(hosts)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value)[:64])])
    until = min(datetime.now(UTC) + timedelta(days=SERVER_DAYS), authority.not_valid_after_utc)
    return (
        _builder(name, authority.subject, public_key, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_issuer(authority, authority_key), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _issuer(authority: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    try:
        own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - EARLIER)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, readable by this user alone."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    part.replace(path)
