"""The log: who has looked at which camera, when and for how long, in sentences."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from main.actors import session_actor
from main.log_films import films_of
from main.log_filter import LogFilter
from main.models import ViewingSession
from main.viewings import LOOKBACKS
from main.words import day_words, moment_words

__all__ = ["ON_A_PAGE", "Chip", "day_words", "delay_words", "duration", "logs", "sentence"]

ON_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on; `url` leads to the same log without it."""

    words: str
    url: str


@require_safe
def logs(request: HttpRequest) -> HttpResponse:
    actor = session_actor(request)
    form = LogFilter(request.GET, actor)
    found = list(_after(form.found(), request.GET.get("before", ""))[: ON_A_PAGE + 1])
    page, more = found[:ON_A_PAGE], len(found) > ON_A_PAGE
    films = films_of(actor, page)
    context = {
        "form": form,
        "names": form.names(),
        "lines": [
            {
                "session": one,
                "films": films[one.pk],
                "may_delete": one.ended_at is not None and (actor.is_owner or one.user_id == actor.user_id),
                **sentence(one, actor.user_id, recorded=films[one.pk].count > 0),
            }
            for one in page
        ],
        "chips": _chips(form, request.GET) if form.is_valid() else [],
        "days": _days(request.GET),
        "older": _url(request.GET, before=_cursor(page[-1])) if more else "",
        "newest": _url(request.GET, before=None) if request.GET.get("before") else "",
        "table": actor.is_owner and request.GET.get("view") == "table",
        "other_view": _view(request.GET) if actor.is_owner else "",
    }
    return render(request, "logs.html", context)


def sentence(session: ViewingSession, reader: int | None = None, *, recorded: bool = False) -> dict[str, object]:
    """The parts of what is told of a session; who, camera and device are for the template to escape.

    `recorded`: there are recordings of it; of a look back: what was looked at is still there.
    """
    still = session.ended_at is None and session.left_at is None
    now = timezone.now()
    seconds = (now - session.started_at).total_seconds() if still else session.seconds
    you = reader is not None and session.user_id == reader
    lookback = session.transport in LOOKBACKS
    if session.footage:
        verb = _stills_verb(session)
    elif lookback:
        verb = "looked back at" if session.transport == ViewingSession.Transport.PLAYBACK else "downloaded"
    elif session.transport == ViewingSession.Transport.FRAME:
        verb = ("are asking" if you else "is asking") if still else "asked"
        verb += " for single pictures of"
    else:
        verb = ("are watching" if you else "is watching") if still else "watched"
    return {
        "who": "You" if you else session.user_name,
        "verb": verb,
        "still": still,
        "how_long": duration(seconds),
        "day": day_words(session.started_at),
        "recorded": recorded and not lookback,
        "lookback": lookback,
        "footage": moment_words(session.footage_at) if lookback and session.footage_at and not session.footage else "",
        "gone": lookback and session.recording_id is None and not session.footage,
        "stills_of": _stills_of(session),
        "delay": delay_words(session.delay_median, session.delay_max),
    }


def _stills_verb(session: ViewingSession) -> str:
    """«looked at stills of», «took away the time-lapse of»."""
    film = session.footage == ViewingSession.Footage.TIMELAPSE
    if session.footage == ViewingSession.Footage.EVENT:
        looked = session.transport == ViewingSession.Transport.PLAYBACK
        return "looked at pictures of events of" if looked else "took away a picture of an event of"
    if session.transport == ViewingSession.Transport.PLAYBACK:
        return "watched the time-lapse of" if film else "looked at stills of"
    if film:
        return "took away the time-lapse of"
    return "took away the stills of" if _is_day(session) else "took away stills of"


def _stills_of(session: ViewingSession) -> str:
    """Which ones: a day, or the time that was looked at."""
    if not session.footage or session.footage_at is None:
        return ""
    if session.footage == ViewingSession.Footage.EVENT and session.transport == ViewingSession.Transport.PLAYBACK:
        # As many as the page showed, of any time.
        return ""
    return day_words(session.footage_at) if _is_day(session) else moment_words(session.footage_at)


def _is_day(session: ViewingSession) -> bool:
    """Whether it was about a whole day: a time-lapse, or all stills since midnight taken away."""
    if session.footage == ViewingSession.Footage.TIMELAPSE:
        return True
    begins = session.footage_at is not None and timezone.localtime(session.footage_at).time() == time.min
    return begins and session.transport == ViewingSession.Transport.EXPORT


def duration(seconds: float) -> str:
    """«8 s», «3 min», «2 h 5 min»."""
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def delay_words(median: float | None, longest: float | None) -> str:
    """«40 ms, at worst 0.3 s»: from capture to screen as the viewer's browser measured it; empty where none did."""
    if median is None:
        return ""
    told = _delay(median)
    worst = _delay(longest) if longest is not None else told
    return told if worst == told else f"{told}, at worst {worst}"


def _delay(seconds: float) -> str:
    """As the live page tells it: to ten milliseconds, from a second on to a tenth."""
    if seconds < 0.995:
        return f"{max(1, round(seconds * 100)) * 10} ms"
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def _cursor(session: ViewingSession) -> str:
    return f"{int(session.started_at.timestamp() * 1_000_000)}-{session.pk}"


def _after(found: QuerySet[ViewingSession], cursor: str) -> QuerySet[ViewingSession]:
    """Those older than the cursor; all when it is none."""
    micros, _, pk = cursor.partition("-")
    if not (micros.isdecimal() and pk.isdecimal() and len(micros) <= 17 and len(pk) <= 18):
        return found
    at = datetime.fromtimestamp(0, timezone.get_current_timezone()) + timedelta(microseconds=int(micros))
    return found.filter(started_at__lte=at).filter(Q(started_at__lt=at) | Q(pk__lt=int(pk)))


def _url(query: QueryDict, **changes: str | None) -> str:
    """This log with some filters changed, None for without; always from its beginning unless `before` is given."""
    values = {name: query.get(name, "") for name in ("from", "to", "user", "camera", "view")} | changes
    new = QueryDict(mutable=True)
    new.update({name: value for name, value in values.items() if value})
    return f"?{new.urlencode()}"


def _view(query: QueryDict) -> str:
    return _url(query, view=None if query.get("view") == "table" else "table")


def _chips(form: LogFilter, query: QueryDict) -> list[Chip]:
    values = form.cleaned_data
    cameras = dict(form.fields["camera"].choices)  # type: ignore[attr-defined]
    words = {
        "from": f"since {values['from']:%Y-%m-%d}" if values["from"] else "",
        "to": f"until {values['to']:%Y-%m-%d}" if values["to"] else "",
        "user": f"by {values['user']}" if values["user"] else "",
        "camera": f"of {cameras.get(values['camera'], '')}" if values["camera"] else "",
    }
    return [Chip(text, _url(query, **{name: None})) for name, text in words.items() if text]


def _days(query: QueryDict) -> list[Chip]:
    """Ranges people ask for most."""
    today = timezone.localdate()
    ranges = {
        "Today": (today, None),
        "Yesterday": (today - timedelta(days=1),) * 2,
        "7 days": (today - timedelta(days=6), None),
    }
    return [
        Chip(words, _url(query, **{"from": first.isoformat(), "to": last.isoformat() if last else None}))
        for words, (first, last) in ranges.items()
    ]
