"""The web process's application: body limit, pushed pictures, static files, Django, WebSockets, and the live hub."""

import asyncio
import contextlib
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "surveillance.settings")

import django  # noqa: E402
from django.apps import apps  # noqa: E402

# Where a program has set it up already, its logging stays as it is.
if not apps.ready:
    django.setup(set_prefix=False)

from asgiref.sync import ThreadSensitiveContext, sync_to_async  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.staticfiles import finders  # noqa: E402
from django.core import signals  # noqa: E402
from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from django.db import close_old_connections, connections, reset_queries  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.http.response import HttpResponseBase  # noqa: E402
from servestatic import ServeStaticASGI  # noqa: E402

from camera.live.hub import current_hub  # noqa: E402
from main.pushing.door import PushDoor, most_bytes  # noqa: E402
from main.sockets import websocket_application  # noqa: E402
from surveillance.limits import Application, BodyLimit, Receive, Scope, Send  # noqa: E402

# Run in a thread for every request, these two would hold that thread for as long as a stream lasts; the handler below
# closes connections itself.
signals.request_started.disconnect(reset_queries)
signals.request_started.disconnect(close_old_connections)


# Opening one of these is a matter of milliseconds: a look at who it is, and two rows.
STREAMS = ("/stream.mjpg", "/stream")
STREAMS_AT_ONCE = 4


class HouseHandler(ASGIHandler):
    """Django's handler, but a request's thread and database connection are given back before its reply is sent.

    A live stream's reply may take hours: without this each viewer holds a thread and a connection.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        async with _turn(request.path), ThreadSensitiveContext():
            try:
                return await super().run_get_response(request)
            finally:
                await sync_to_async(connections.close_all)()


_turns: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None


def _turn(path: str) -> contextlib.AbstractAsyncContextManager[object]:
    """A few at a time, of streams alone: hundreds that open at once, each in a thread of its own, would take all of the
    interpreter from pages and pictures. Everybody else comes at once: some requests wait for what others bring."""
    global _turns  # noqa: PLW0603 (of the process, and of the event loop it is asked in)
    if not path.endswith(STREAMS):
        return contextlib.nullcontext()
    loop = asyncio.get_running_loop()
    if _turns is None or _turns[0] is not loop:
        _turns = loop, asyncio.Semaphore(STREAMS_AT_ONCE)
    return _turns[1]


def _with_static_files(app: Application) -> Application:
    served = ServeStaticASGI(app, max_age=3600, allow_all_origins=False, autorefresh=settings.DEBUG)
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            served.add_file_to_dictionary(f"{settings.STATIC_URL}{name}", storage.path(name))
            if settings.DEBUG:
                served.insert_directory(storage.location, settings.STATIC_URL)
    return served  # type: ignore[no-any-return]


http_application = BodyLimit(
    PushDoor(_with_static_files(HouseHandler())), lambda path: most_bytes(path) or settings.MAX_BODY_BYTES
)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await current_hub().start()
            await send({"type": "lifespan.startup.complete"})
        else:
            await current_hub().stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await http_application(scope, receive, send)
    elif scope["type"] == "websocket":
        await websocket_application(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)
