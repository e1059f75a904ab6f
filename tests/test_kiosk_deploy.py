"""What a Raspberry Pi is given: a launcher that waits for the house, a unit, and rules for its browser."""

import configparser
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import BASE, end_with_parent, free_port, wait_for

DEPLOY = BASE / "deploy" / "kiosk"


def test_scripts_are_scripts_and_rules_are_rules() -> None:
    for name in ("fairwatch-kiosk", "install.sh"):
        assert os.access(DEPLOY / name, os.X_OK)
        subprocess.run(["/bin/sh", "-n", str(DEPLOY / name)], check=True)
    rules = json.loads((DEPLOY / "policies.json").read_text())
    # What the installer fills in; nothing else may be gone to.
    assert rules["URLBlocklist"] == ["*"] and rules["URLAllowlist"] == ["@HOUSE@/kiosk"]
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "fairwatch-kiosk.service")
    assert unit["Service"]["Restart"] == "always" and unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["User"] == "fairwatch-kiosk"


def test_the_installer_refuses_what_is_no_screens_address() -> None:
    for url in ("", "home.local", "https://home.local/", "https://home.local/kiosk", "ftp://home.local/kiosk/"):
        run = subprocess.run([str(DEPLOY / "install.sh"), url], capture_output=True, text=True, check=False)
        assert run.returncode == 2 and run.stderr, url


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes], int]]:
    """The launcher, running, with a browser that only writes down how it was started; and the house's port."""
    shim = tmp_path / "bin" / "chromium"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/new && mv {tmp_path}/new {tmp_path}/started\n')
    shim.chmod(0o755)
    port = free_port()
    environment = {
        "PATH": f"{shim.parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "KIOSK_URL": f"http://127.0.0.1:{port}/kiosk/",
    }
    process = subprocess.Popen(
        [str(DEPLOY / "fairwatch-kiosk")],
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=end_with_parent,  # noqa: PLW1509 (one call of the kernel)
    )
    yield tmp_path / "started", process, port
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.slow
def test_the_launcher_waits_for_the_house(pi: tuple[Path, subprocess.Popen[bytes], int]) -> None:
    started, process, port = pi
    assert process.stderr is not None and b"curl" in process.stderr.readline()  # it has asked, in vain
    assert not started.exists() and process.poll() is None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        wait_for(started.exists, 30, "the browser")
    finally:
        server.shutdown()
        server.server_close()
    flags = started.read_text().splitlines()
    assert flags[-1] == f"http://127.0.0.1:{port}/kiosk/" and "--kiosk" in flags
    assert f"--user-data-dir={started.parent}/browser" in flags and "--incognito" not in flags
