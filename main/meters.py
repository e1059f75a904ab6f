"""What /metrics tells, counted anew at each scrape; nothing is kept between two."""

from collections import Counter
from collections.abc import Iterator

import psutil
from django.conf import settings
from django.db.models import Count
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from camera.live.hub import current_hub
from camera.models import Camera
from camera.packets import StateName
from main.models import ViewingSession

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def scrape() -> bytes:
    """The whole text, in a registry of its own so that no library adds to it."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(HouseCollector())
    return generate_latest(registry)


class HouseCollector:
    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield _gauge("fairwatch_build_info", "The running version.", {settings.VERSION: 1}, "version")
        yield _gauge(
            "fairwatch_engine_up", "1 when the recording engine answers.", {"": int(current_hub().engine_up())}
        )
        yield from _cameras()
        yield _viewing_sessions()
        yield _gauge("process_threads", "Threads of the web process.", {"": psutil.Process().num_threads()})


def _cameras() -> Iterator[Metric]:
    states: Counter[str] = Counter({str(name): 0 for name in StateName})
    fps: dict[str, float] = {}
    for pk, slug, enabled in Camera.objects.order_by("pk").values_list("pk", "slug", "enabled"):
        state = current_hub().state(pk)
        states[state.state if enabled else StateName.DISABLED] += 1
        fps[slug] = state.fps if enabled else 0.0
    yield _gauge("fairwatch_cameras", "Cameras by state.", dict(states), "state")
    yield _gauge("fairwatch_camera_fps", "Pictures a second a camera sends.", fps, "camera")


def _viewing_sessions() -> Metric:
    rows = ViewingSession.objects.filter(ended_at=None).order_by().values_list("transport").annotate(Count("pk"))
    count = Counter({str(transport): 0 for transport in ViewingSession.Transport.values})
    count.update(dict(rows))
    return _gauge("fairwatch_viewing_sessions", "Open viewing sessions by transport.", dict(count), "transport")


def _gauge(name: str, words: str, values: dict[str, float] | dict[str, int], label: str = "") -> Metric:
    metric = GaugeMetricFamily(name, words, labels=[label] if label else [])
    for value, number in values.items():
        metric.add_metric([value] if label else [], number)
    return metric
