"""Sets up .venv and installs the pinned requirements; runs on the system's Python with nothing but its library.

Usage: python3 scripts/install.py requirements.txt
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
VENV = BASE / ".venv"
NEWEST_FIRST = ("python3.11", "python3.12", "python3.13", "python3")
# System libraries that the wheels of OpenCV expect to find, and the Debian packages that bring them.
PACKAGES = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libXext.so.6": "libxext6",
    "libX11.so.6": "libx11-6",
    "libxcb.so.1": "libxcb1",
}


def stop(message: str) -> None:
    print(f"fairwatch: {message}", file=sys.stderr)
    raise SystemExit(2)


def find_python() -> str:
    """A Python of version 3.11 or newer: this one, or another on the path."""
    if sys.version_info >= (3, 11):  # noqa: UP036 (this file is what asks)
        return sys.executable
    for name in NEWEST_FIRST:
        path = shutil.which(name)
        check = "import sys; sys.exit(sys.version_info < (3, 11))"
        if path and subprocess.run([path, "-c", check], check=False).returncode == 0:
            return path
    stop("Python 3.11 or newer is needed: sudo apt install python3 (Debian 12 and Raspberry Pi OS 12 have it)")
    raise AssertionError


def make_venv(python: str) -> None:
    if (VENV / "bin" / "python").exists():
        return
    if python == sys.executable and importlib.util.find_spec("ensurepip") is None:
        stop("Python cannot make virtual environments here: sudo apt install python3-venv")
    print("Making .venv …", flush=True)
    if subprocess.run([python, "-m", "venv", str(VENV)], check=False).returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        stop("the virtual environment could not be made: sudo apt install python3-venv")


def install(requirements: str) -> None:
    print(f"Installing {requirements} (a few minutes the first time) …", flush=True)
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, "-r", str(BASE / requirements)], check=False).returncode != 0:
        stop("pip could not install the requirements; its message is above. 32-bit systems have no wheels: use 64-bit")


def check_libraries() -> None:
    """Name the apt package of every system library that is missing."""
    missing: list[str] = []
    for module in ("cv2", "av", "zmq", "cryptography"):
        run = subprocess.run(
            [str(VENV / "bin" / "python"), "-c", f"import {module}"], capture_output=True, text=True, check=False
        )
        if run.returncode == 0:
            continue
        library = re.search(r"(lib[\w.+-]+\.so[.\d]*): cannot open", run.stderr)
        if not library:
            stop(f"{module} does not load: {(run.stderr.strip() or 'no message').splitlines()[-1]}")
            return
        name = library.group(1)
        missing.append(PACKAGES.get(name, f"the package with {name} (apt-file search {name})"))
    if missing:
        every = sorted(set(PACKAGES.values())) if any(name in PACKAGES.values() for name in missing) else missing
        stop(f"a system library is missing: sudo apt install {' '.join(every)}")


def main() -> None:
    requirements = sys.argv[1]
    make_venv(find_python())
    install(requirements)
    check_libraries()


if __name__ == "__main__":
    main()
