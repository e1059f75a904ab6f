"""What a run was made on: processor, memory, system, versions, day."""

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.children import BASE
from benchmarks.servers import version_of_motion

_PACKAGES = ("django", "uvicorn", "av", "opencv-python", "pyzmq", "flask", "gunicorn")


def machine() -> dict[str, str | int | float]:
    """Of the machine this runs on."""
    return {
        "processor": _told("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(int((_told("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 2**20, 1),
        "system": f"Linux {platform.release()}, {_distribution()}",
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def versions() -> dict[str, str]:
    """Of what is measured, as far as it is here."""
    found = {"Fairwatch": (BASE / "CHANGELOG.md").read_text().partition("## ")[2].split()[0]}
    found["Python"] = platform.python_version()
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if motion := version_of_motion():
        found["motion"] = motion
    return found


def _told(path: str, name: str) -> str:
    """What stands behind the colon of the first line that begins with `name`."""
    for one in Path(path).read_text().splitlines():
        if one.startswith(name):
            return one.partition(":")[2].strip()
    return ""


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return "unknown"
