"""Imports go one way: accounts and camera know nothing of each other nor of main; camera processes know no Django."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "camera": {"accounts", "main"},
    "accounts": {"camera", "main"},
    "surveillance/settings.py": {"main", "camera", "accounts"},
}
WITHOUT_DJANGO = [
    "camera/packets.py",
    "camera/bus.py",
    "camera/endpoints.py",
    "camera/redact.py",
    "camera/addresses.py",
    "camera/commands.py",
    "camera/sources",
    "camera/process",
    "camera/video",
]
ENGINE_ONLY_PIXELS = {"camera/engine": {"cv2", "av", "numpy"}}


def python_files(place: str) -> list[Path]:
    path = BASE / place
    return [path] if path.is_file() else sorted(p for p in path.rglob("*.py") if "migrations" not in p.parts)


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("place", [*FORBIDDEN, *ENGINE_ONLY_PIXELS])
def test_imports_go_one_way(place: str) -> None:
    forbidden = (FORBIDDEN | ENGINE_ONLY_PIXELS)[place]
    files = python_files(place)
    assert files
    for path in files:
        assert not imported(path) & forbidden, f"{path} imports {imported(path) & forbidden}"


@pytest.mark.parametrize("place", WITHOUT_DJANGO)
def test_camera_processes_know_no_django(place: str) -> None:
    for path in python_files(place):
        assert not imported(path) & {"django", "accounts", "main", "surveillance"}, path


def test_a_camera_process_loads_no_django() -> None:
    wanted = "m.split('.')[0] in ('django', 'main', 'accounts')"
    code = f"import sys, camera.process.__main__; print(sorted(m for m in sys.modules if {wanted}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=BASE, capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout.strip() == "[]"


def test_only_settings_read_the_environment() -> None:
    # The last two hand it on to their children, one of them scrubbed.
    allowed = {"surveillance/environment.py", "camera/engine/supervisor.py", "main/serving/children.py"}
    for place in ("surveillance", "accounts", "camera", "main"):
        for path in python_files(place):
            text = path.read_text()
            reads = (
                "os.environ" in text.replace('os.environ.setdefault("DJANGO_SETTINGS_MODULE"', "") or "getenv" in text
            )
            assert not reads or str(path.relative_to(BASE)) in allowed, path
