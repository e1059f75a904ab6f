"""A wrong value stops the start with its name, the fault and an example; nothing secret is printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from surveillance.environment import Environment

BASE = Path(__file__).resolve().parent.parent

WRONG = [
    ("PORT", "abc", "whole number"),
    ("PORT", "70000", "whole number"),
    ("DEBUG", "perhaps", "true or false"),
    ("TLS", "maybe", "one of off, local, proxy"),
    ("TIME_ZONE", "Mars/Olympus", "time zone"),
    ("DATABASE_URL", "mysql://root:S3CRETpw@db/x", "database URL"),
    ("DATABASE_URL", "nonsense", "database URL"),
    ("ALLOWED_HOSTS", "*", "never taken"),
    ("LOG_LEVEL", "chatty", "one of"),
    ("TRUSTED_PROXIES", "*", "address or network"),
    ("TRUSTED_PROXIES", "10.0.0.0/99", "address or network"),
    ("STORAGE_ROOTS", ",", "list of folders"),
    ("STORAGE_ROOTS", "relative/folder", "list of folders"),
    ("ENGINE_NAME", " ", "is not a name"),
    ("X_ACCEL_REDIRECT", "protected", "beginning of an address"),
    ("X_ACCEL_REDIRECT", "/a b", "beginning of an address"),
    ("CSRF_TRUSTED_ORIGINS", "cameras.example.org", "beginning of an address"),
    ("CSRF_TRUSTED_ORIGINS", "https://a.example/path", "beginning of an address"),
    ("CAMERA_PASSWORD", "your_default_password", "a sample"),
    ("CAMERA_PASSWORD", "Change-Me!", "a sample"),
    ("CAMERA_PASSWORD", "caf\u00e9-S3CRETpw", "plain letters"),
    ("CAMERA_PASSWORD", "S3CRETpw" * 30, "at most 200"),
    ("PUSH_FPS", "0", "whole number"),
    ("MQTT_URL", "mqtt://house:S3CRETpw@broker/topic", "mqtt://user:password@host:port"),
    ("SECRET_KEY", "", "empty"),
    ("SECRET_KEY", "short", "short"),
    ("SECRET_KEY", "please-change-me-please-change-me-please-change-me", "sample"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
@pytest.mark.faults
def test_a_wrong_value_stops_the_start(name: str, value: str, words: str) -> None:
    run = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE,
        env=dict(os.environ) | {name: value},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 2
    assert f"{name}: " in run.stderr and words in run.stderr and f"Example: {name}=" in run.stderr
    assert "Traceback" not in run.stderr and "S3CRETpw" not in run.stderr + run.stdout


def test_every_fault_is_told_at_once() -> None:
    run = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE,
        env=dict(os.environ) | {"PORT": "x", "TLS": "y"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert len(run.stderr.strip().splitlines()) == 2


def test_the_process_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("FW_TEST_ONE=file\nFW_TEST_TWO=file\n")
    monkeypatch.setenv("FW_TEST_ONE", "process")
    monkeypatch.delenv("FW_TEST_TWO", raising=False)
    environment = Environment(env_file)
    assert (environment.text("FW_TEST_ONE"), environment.text("FW_TEST_TWO")) == ("process", "file")
    monkeypatch.delenv("FW_TEST_TWO", raising=False)


def test_a_secret_key_is_made_once_and_kept_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")
    env_file = tmp_path / ".env"
    made = Environment(env_file).secret_key("SECRET_KEY")
    monkeypatch.delenv("SECRET_KEY", raising=False)
    again = Environment(env_file).secret_key("SECRET_KEY")
    assert made == again and len(made) >= 50
    assert env_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("password", "warned"), [("", False), ("short-one", True), ("twelve-signs", False)])
def test_a_short_camera_password_is_only_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str, warned: bool
) -> None:
    monkeypatch.setenv("CAMERA_PASSWORD", password)
    environment = Environment(tmp_path / ".env")
    assert environment.camera_password("CAMERA_PASSWORD") == password and not environment.faults
    assert bool(environment.warnings) is warned and not any(
        password in line for line in environment.warnings if password
    )


def test_every_variable_stands_in_the_example_file() -> None:
    import re

    settings = (BASE / "surveillance" / "settings.py").read_text()
    names = set(re.findall(r'_env\.\w+\("([A-Z_]+)"', settings))
    example = (BASE / ".env.example").read_text()
    docs = (BASE / "docs" / "settings.md").read_text()
    assert names
    for name in names:
        assert re.search(rf"^#? ?{name}=", example, re.M), f"{name} is not in .env.example"
        assert f"`{name}`" in docs, f"{name} is not in docs/settings.md"


@pytest.mark.parametrize(("tls", "warnings"), [("proxy", 0), ("off", 0), ("local", 0)])
@pytest.mark.slow
def test_the_deployment_check_is_clean(tls: str, warnings: int) -> None:
    run = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE,
        env=dict(os.environ) | {"TLS": tls},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == warnings, run.stderr
