"""Cameras that say themselves where their streams are: nothing is opened before the engine has asked them."""

from typing import NoReturn

from camera.packets import Reason, SourceError
from camera.sources import Request


def open_asked(request: Request) -> NoReturn:
    """Raises SourceError: the streams are not known yet."""
    raise SourceError(Reason.NO_SIGNAL, "the camera has not yet said where its pictures are")
