"""How long the pages of the archive take with ten, ten thousand and a hundred thousand recordings.

    .venv/bin/python -m benchmarks.archive

Works on a database of its own in a temporary folder. Prints milliseconds of CPU (the middle of 15) for an owner and for
a member who may look back at half of the cameras.
"""

import os
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
FOLDER = tempfile.mkdtemp(prefix="fairwatch-archive-")
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "surveillance.settings",
    "SECRET_KEY": "k7Vw2mQz9Xr4Tb6Np1Lc8Hd3Jf5Gs0Ya-only-for-the-benchmark",
    "DATABASE_URL": f"sqlite:///{FOLDER}/db.sqlite3",
    "MEDIA_ROOT": f"{FOLDER}/media",
    "RUN_DIR": f"{FOLDER}/run",
    "ALLOWED_HOSTS": "testserver",
}
SIZES = (10, 10_000, 100_000)
CAMERAS = 6


def fill(upto: int) -> None:
    """Recordings of one minute, the cameras in turn, newest first; and an event in each third of them."""
    from django.utils import timezone

    from camera.models import Camera, Event, Recording, Storage

    storage = Storage.objects.get_or_create(path=f"{FOLDER}/media")[0]
    cameras = list(Camera.objects.all())
    have, now = Recording.objects.count(), timezone.now()
    rows, events = [], []
    for n in range(have, upto):
        camera, at = cameras[n % CAMERAS], now - timedelta(minutes=3 * n)
        names = {"camera": camera, "camera_name": camera.name, "camera_slug": camera.slug, "uid": f"{n:08x}"}
        end = at + timedelta(minutes=1)
        rows.append(Recording(storage=storage, file=f"{n}.mp4", state="closed", trigger="motion", reasons=["motion"],
                              started_at=at, ended_at=end, seconds=60, bytes=10_000_000, **names))  # fmt: skip
        if n % 3 == 0:
            events.append(Event(kind="motion", started_at=at, ended_at=end, changed_at=at, **names))
    Recording.objects.bulk_create(rows, batch_size=2000)
    Event.objects.bulk_create(events, batch_size=2000)


def middle(client: object, path: str) -> float:
    took = []
    for _ in range(15):
        began = time.process_time()
        reply = client.get(path)  # type: ignore[attr-defined]
        took.append(1000 * (time.process_time() - began))
        assert reply.status_code in (200, 302), (path, reply.status_code)
    return statistics.median(took)


def main() -> None:
    import django

    django.setup(set_prefix=False)
    from django.core.management import call_command
    from django.test import Client
    from django.utils import timezone

    from accounts.models import Role, User
    from camera.models import Camera, Grant, Recording

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    people = {
        name: User.objects.create_user(name, password="x", role=role)
        for name, role in (("alice", Role.OWNER), ("bob", Role.MEMBER))
    }
    for n in range(CAMERAS):
        camera = Camera.objects.create(name=f"Camera {n}", slug=f"camera-{n}", kind="pattern", position=n)
        if n % 2 == 0:
            Grant.objects.create(camera=camera, user=people["bob"], right="playback")
    for size in SIZES:
        fill(size)
        old = timezone.localdate() - timedelta(days=max(0, size * 3 // 1440 // 2))
        pk = Recording.objects.filter(camera__slug="camera-0").order_by("pk")[size // CAMERAS // 2].pk
        at = Recording.objects.order_by("pk")[size // 2].started_at.timestamp()
        paths = ("/recordings/", "/recordings/?camera=camera-0", f"/recordings/?day={old}", f"/recordings/{pk}/",
                 f"/recordings/at/camera-0/?t={at}")  # fmt: skip
        for name, user in people.items():
            client = Client()
            client.force_login(user)
            figures = "  ".join(f"{middle(client, path):7.1f}" for path in paths)
            print(f"{size:7d} {name:6s} {figures}   ms: all, one camera, one day, player, moment")


if __name__ == "__main__":
    main()
