"""How far a token reaches, in words: on pages, in the list of changes and on the command line."""

from accounts.models import ApiToken
from camera.models import Right


def reach_words(scopes: object) -> str:
    """«watch live, read who has looked»; what is no list of rights reaches nowhere."""
    if scopes is None:
        return "everything its user may"
    held = [Right(name).label for name in Right.values if isinstance(scopes, list) and name in scopes]
    return ", ".join(map(str, held)) or "nothing"


def described(token: ApiToken) -> dict[str, object]:
    """A token for the list of changes; its secret is not kept anywhere."""
    return {"token": token.name, "may": reach_words(token.scopes)}
