"""A camera's address at rest: what stands behind its `?` is often a password, so it is encrypted as passwords are."""

from typing import TYPE_CHECKING, Any

from django.db import models

from camera import vault

if TYPE_CHECKING:
    TextOfAddress = models.CharField[str, str]
else:
    TextOfAddress = models.CharField

_MARK = "sealed:"
# Every token of the vault starts so: version and the first bytes of the time it was made.
_SEALED = _MARK + "gAAAA"


class LostQuery(str):
    """An address whose query was sealed with another SECRET_KEY: the part before the `?`, and the row's text."""

    stored: str

    @classmethod
    def of(cls, stored: str) -> "LostQuery":
        address = cls(stored.partition("?")[0])
        address.stored = stored
        return address


def _sealed(address: str) -> str:
    before, mark, query = address.partition("?")
    # Only network addresses have a query; a file's name may have a question mark in it.
    if "://" not in before or not query or query.startswith(_SEALED):
        return address
    return before + mark + _MARK + vault.seal(query)


class AddressField(TextOfAddress):
    """Plain text in Python and in forms; in the database everything behind the `?` is sealed.

    An address whose query cannot be read any more comes back as LostQuery. Its row stays as it is until another
    address is set, so that the old SECRET_KEY brings it back.
    """

    def get_internal_type(self) -> str:
        # The sealed text is longer than the address that people may type.
        return "TextField"

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, LostQuery):
            return value.stored
        text = super().get_prep_value(value)
        return _sealed(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        before, mark, query = (value or "").partition("?")
        if value is None or not query.startswith(_SEALED):
            return value
        opened = vault.unseal(query.removeprefix(_MARK))
        return LostQuery.of(value) if opened is None else before + mark + opened

    def value_to_string(self, obj: models.Model) -> str:
        """For dumps: sealed, as in the database."""
        return str(self.get_prep_value(self.value_from_object(obj)))
