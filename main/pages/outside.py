"""The owner's self-check: does what stands in front of the house pass on what it should?"""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from main.actors import session_actor
from main.outside import AddressError, Advice, advice, findings, seen

LONGEST = 300


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """What this request looks like from here; with ?address= the lines for the address one wants to use.

    By GET, so that it works where a proxy makes forms fail.
    """
    if not session_actor(request).is_owner:
        raise PermissionDenied("Owners see how the house is reached.")
    of = seen(request)
    typed, found, wrong = request.GET.get("address", "")[:LONGEST], None, ""
    if typed.strip():
        try:
            found = advice(typed, of)
        except AddressError as error:
            wrong = str(error)
    context: dict[str, object] = {
        "seen": of,
        "findings": findings(of),
        "trusted": settings.CSRF_TRUSTED_ORIGINS,
        "typed": typed,
        "advice": _shown(found),
        "wrong": wrong,
    }
    return render(request, "outside.html", context, status=400 if wrong else 200)


def _shown(found: Advice | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {"address": found.address, "text": "\n".join(found.lines), "notes": found.notes}
