"""Answering a ring, for programs."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from ninja import Router
from ninja.errors import HttpError

from main import rings
from main.api.paging import WRONG, asking
from main.api.schemas import AnsweredOut, AnswerIn

router = Router(tags=["v1"])


@router.post("/events/{id}/answer", response={200: AnsweredOut, **WRONG})
def answer(request: HttpRequest, id: str, said: AnswerIn) -> dict[str, Any]:  # noqa: A002 (the contract's name)
    """Answer somebody who rings at a camera you may watch: what you say is shown and spoken at the door, and everybody
    else sees who has answered."""
    actor = asking(request)
    event = rings.ring_for(actor, number_of(id))
    try:
        made = rings.answer(actor, event, said.text)
    except ValidationError as error:
        raise HttpError(400, " ".join(error.messages)) from None
    return rings.answered_json(rings.ring_of(actor, event), made)


def number_of(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Http404
    return int(text)
