"""Django with one view and nothing else.

`gthread`: gunicorn's threads, one for each viewer; a camera thread decodes and encodes each picture once for all.
`asgi`: uvicorn and an asynchronous view that passes the camera's JPEGs on untouched.
"""

import argparse
import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from benchmarks.peers.parts import CONTENT_TYPE, Capture, part, pictures

# More than there are ever viewers: each holds one.
_THREADS = 640


def set_up(view: Callable[..., Any]) -> None:
    """A Django whose only address is /stream."""
    import django
    from django.conf import settings
    from django.urls import path

    urls = ModuleType("only_stream")
    urls.urlpatterns = [path("stream", view)]  # type: ignore[attr-defined]
    sys.modules[urls.__name__] = urls
    settings.configure(
        SECRET_KEY="of no use", ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls.__name__, MIDDLEWARE=[], DEBUG=False
    )
    django.setup()


def gthread(camera: str, port: int) -> None:
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, StreamingHttpResponse

    base = import_module("gunicorn.app.base")
    captures: list[Capture] = []
    starting = threading.Lock()

    def body() -> Iterator[bytes]:
        number = 0
        while True:
            number, jpeg = captures[0].after(number)
            yield part(jpeg)

    def view(request: HttpRequest) -> StreamingHttpResponse:
        with starting:
            # Made here, because gunicorn forks: a thread of before would count as over.
            if not captures:
                captures.append(Capture(camera, encodes=True))
                captures[0].start()
        return StreamingHttpResponse(body(), content_type=CONTENT_TYPE)

    set_up(view)

    class Server(base.BaseApplication):  # type: ignore[misc,name-defined]
        def load_config(self) -> None:
            told = {"bind": f"127.0.0.1:{port}", "worker_class": "gthread", "threads": _THREADS, "timeout": 0}
            more = {"workers": 1, "backlog": 1024, "worker_connections": 2000, "control_socket_disable": True}
            for name, value in (told | more).items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return get_wsgi_application()

    Server().run()


def asgi(camera: str, port: int) -> None:
    import uvicorn
    from django.core.asgi import get_asgi_application
    from django.http import HttpRequest, StreamingHttpResponse

    class Newest:
        """The newest part; whoever waits is woken by the next one."""

        def __init__(self) -> None:
            self.part, self.next = b"", asyncio.Event()
            self.reading = asyncio.create_task(self.read())

        async def read(self) -> None:
            async for jpeg in pictures(camera):
                self.part = part(jpeg)
                come, self.next = self.next, asyncio.Event()
                come.set()

    newest: list[Newest] = []

    async def body() -> AsyncIterator[bytes]:
        while True:
            await newest[0].next.wait()
            yield newest[0].part

    async def view(request: HttpRequest) -> StreamingHttpResponse:
        if not newest:
            newest.append(Newest())
        return StreamingHttpResponse(body(), content_type=CONTENT_TYPE)

    set_up(view)
    uvicorn.run(get_asgi_application(), host="127.0.0.1", port=port, log_level="error", lifespan="off", backlog=1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("gthread", "asgi"))
    parser.add_argument("--camera", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    # gunicorn would read them as its own.
    sys.argv = sys.argv[:1]
    {"gthread": gthread, "asgi": asgi}[options.kind](options.camera, options.port)


if __name__ == "__main__":
    main()
