"""The house's keys for Web Push (VAPID), made once; and what channels keep secret, sealed as camera passwords are."""

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import transaction

from camera.vault import seal, unseal
from main.notify_models import PushKeys


def public_key() -> str:
    """What browsers subscribe with: base64url of the uncompressed point, without padding."""
    return _keys()[1]


def private_key() -> str:
    """The DER of the private key as base64url, as py_vapid reads it."""
    return _keys()[0]


def _keys() -> tuple[str, str]:
    # Kept apart from the making: nearly always this is all, and it must not wait for who writes.
    found = _read()
    if found is None:
        with transaction.atomic():
            found = _read() or _make()
    return found


def _read() -> tuple[str, str] | None:
    """The newest pair, unless it was sealed with another SECRET_KEY: then every browser has to subscribe anew."""
    row = PushKeys.objects.order_by("pk").last()
    private = unseal(row.sealed_private) if row is not None else None
    return (private, row.public) if row is not None and private else None


def _make() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private, public = (base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in (der, point))
    PushKeys.objects.create(sealed_private=seal(private), public=public)
    return _read() or (private, public)
