"""The house's own authority and its server certificates: what they hold, and when new ones are made."""

import datetime
import ipaddress
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from main.serving import certificates
from main.serving.certificates import CertificateError, Certificates, authority_of, ensure_certificates

HOSTS = ["localhost", "127.0.0.1", "[::1]", "pi", "pi.local", "192.168.1.20"]
FILES = ("ca.crt", "ca.key", "server.crt", "server.key")


def loaded(made: Certificates) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.certificate.read_bytes())


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_the_certificate_is_one_that_phones_and_browsers_take(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path / "tls", HOSTS)
    server, authority = loaded(made), authority_of(tmp_path / "tls")
    assert authority is not None and made.fingerprint == authority.fingerprint(hashes.SHA256()).hex(":").upper()
    assert (server.not_valid_after_utc - server.not_valid_before_utc).days <= 397
    assert list(server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert server.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == own
    assert server.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "localhost"
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical and limits.value == x509.BasicConstraints(ca=True, path_length=0)
    for name in (x509.DNSName("pi.local"), x509.IPAddress(ipaddress.ip_address("192.168.1.20"))):
        PolicyBuilder().store(Store([authority])).build_server_verifier(name).verify(server, [])


def test_names_are_those_the_house_answers_to(tmp_path: Path) -> None:
    odd = [".example.org", "[fe80::1]", "Pi.Local.", "x" * 70, "my_pi"]
    made = ensure_certificates(tmp_path, odd)
    held = loaded(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert held.get_values_for_type(x509.DNSName) == ["example.org", "*.example.org", "pi.local", "my_pi"]
    assert held.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("fe80::1")]
    assert ensure_certificates(tmp_path / "none", []).certificate.exists()


def test_only_this_user_reads_them_and_nothing_is_left_behind(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "tls"
    ensure_certificates(folder, HOSTS)
    assert folder.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "lock"])
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_a_restart_keeps_them_and_other_names_renew_only_the_server_certificate(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, HOSTS)
    before = bytes_of(tmp_path)
    ensure_certificates(tmp_path, HOSTS)
    assert bytes_of(tmp_path) == before
    ensure_certificates(tmp_path, [*HOSTS, "192.168.1.77"])
    after = bytes_of(tmp_path)
    assert [name for name in FILES if after[name] != before[name]] == ["server.crt", "server.key"]


@pytest.mark.parametrize("name", ["server.crt", "server.key"])
@pytest.mark.parametrize("fault", ["missing", "empty", "half", "garbage", "foreign"])
def test_a_broken_pair_is_renewed_under_the_same_authority(tmp_path: Path, name: str, fault: str) -> None:
    ensure_certificates(tmp_path, HOSTS)
    before = bytes_of(tmp_path)
    spoil(tmp_path / name, fault)
    made = ensure_certificates(tmp_path, HOSTS)
    after = bytes_of(tmp_path)
    assert (after["ca.crt"], after["ca.key"]) == (before["ca.crt"], before["ca.key"])
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.certificate, made.key)
    authority = authority_of(tmp_path)
    assert authority is not None
    loaded(made).verify_directly_issued_by(authority)


@pytest.mark.parametrize("name", ["ca.crt", "ca.key"])
@pytest.mark.parametrize("fault", ["missing", "empty", "half", "foreign"])
def test_a_broken_authority_is_put_aside_and_made_anew(tmp_path: Path, name: str, fault: str) -> None:
    first = ensure_certificates(tmp_path, HOSTS)
    spoil(tmp_path / name, fault)
    spoiled = (tmp_path / name).read_bytes() if fault != "missing" else None
    second = ensure_certificates(tmp_path, HOSTS)
    assert second.fingerprint != first.fingerprint
    aside = tmp_path / f"{name}.replaced"
    assert (aside.read_bytes() if aside.exists() else None) == spoiled
    authority = authority_of(tmp_path)
    assert authority is not None
    loaded(second).verify_directly_issued_by(authority)


def spoil(path: Path, fault: str) -> None:
    data = path.read_bytes()
    if fault == "missing":
        path.unlink()
    elif fault == "foreign":
        other = path.parent / "other"
        ensure_certificates(other, HOSTS)
        path.write_bytes((other / path.name).read_bytes())
    else:
        path.write_bytes({"empty": b"", "half": data[: len(data) // 2], "garbage": b"\0\xff" * 100}[fault])


@pytest.mark.parametrize(("left", "renewed"), [(29, True), (31, False)])
def test_it_is_renewed_when_thirty_days_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, renewed: bool
) -> None:
    monkeypatch.setattr(certificates, "SERVER_DAYS", left)
    before = ensure_certificates(tmp_path, HOSTS).certificate.read_bytes()
    monkeypatch.undo()
    assert (ensure_certificates(tmp_path, HOSTS).certificate.read_bytes() != before) is renewed


def test_it_does_not_outlive_the_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "AUTHORITY_DAYS", 100)
    made, authority = ensure_certificates(tmp_path, HOSTS), authority_of(tmp_path)
    assert authority is not None and loaded(made).not_valid_after_utc <= authority.not_valid_after_utc


def test_a_certificate_of_a_clock_that_was_ahead_is_renewed(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, HOSTS)
    key = serialization.load_pem_private_key((tmp_path / "ca.key").read_bytes(), None)
    authority, own = authority_of(tmp_path), serialization.load_pem_private_key(made.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey) and authority is not None
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    early = (
        x509.CertificateBuilder(authority.subject, authority.subject, own.public_key(), 7)  # type: ignore[arg-type]
        .not_valid_before(tomorrow)
        .not_valid_after(tomorrow + datetime.timedelta(days=300))
        .add_extension(loaded(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value, False)
        .sign(key, hashes.SHA256())
    )
    made.certificate.write_bytes(early.public_bytes(serialization.Encoding.PEM))
    assert loaded(ensure_certificates(tmp_path, HOSTS)).serial_number != 7


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(CertificateError, match=f"{tmp_path}/run/tls: .*RUN_DIR"):
        ensure_certificates(tmp_path / "run" / "tls", HOSTS)


def test_several_processes_at_once_agree(tmp_path: Path) -> None:
    found: list[Certificates] = []
    threads = [threading.Thread(target=lambda: found.append(ensure_certificates(tmp_path, HOSTS))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8 and len({made.fingerprint for made in found}) == 1
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(found[0].certificate, found[0].key)
