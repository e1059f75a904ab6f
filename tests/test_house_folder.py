"""The folder for new recordings: what is taken, and what is refused with which words."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User
from camera import ports
from camera.models import Storage
from main import recordings_folder
from main.models import AuditEntry, SiteSettings
from main.recordings_folder import check_folder, filesystem
from tests.test_settings_page import GOOD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def disk(settings: Any, tmp_path: Path) -> Path:
    """MEDIA_ROOT and one more folder that recordings may be put in."""
    if filesystem(tmp_path) in recordings_folder.NO_DISKS:
        pytest.skip("temporary files lie in memory here")
    settings.MEDIA_ROOT, root = tmp_path / "media", tmp_path / "disk"
    settings.STORAGE_ROOTS = [root]
    root.mkdir()
    return root


def refused(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        check_folder(text)
    return " ".join(caught.value.messages)


def test_nothing_stands_for_media_root() -> None:
    assert check_folder("") == check_folder("  ") == ""


def test_a_folder_is_made_and_left_empty(disk: Path) -> None:
    folder = disk / "cameras" / "new"
    assert check_folder(f" {folder}/ ") == str(folder)
    assert folder.is_dir() and list(folder.iterdir()) == []
    assert check_folder(str(folder)) == str(folder)


def test_media_root_itself_may_be_named_and_made(settings: Any) -> None:
    assert check_folder(f"{settings.MEDIA_ROOT}/more") == f"{settings.MEDIA_ROOT}/more"


@pytest.mark.parametrize(
    "text", ["/etc", "/", "{disk}/../elsewhere", "{disk}-beside", "{disk}/out/x", "/proc/self/cwd"]
)
def test_what_lies_outside_is_refused_and_not_made(text: str, disk: Path, settings: Any) -> None:
    (disk / "out").symlink_to(disk.parent)
    before = sorted(disk.parent.iterdir())
    words = refused(text.format(disk=disk))
    allowed = f"is not inside one of the folders that STORAGE_ROOTS allows: {disk}, {settings.MEDIA_ROOT}"
    assert allowed in words and sorted(disk.parent.iterdir()) == before


def test_a_link_inside_is_followed_to_where_it_leads(disk: Path) -> None:
    (disk / "real").mkdir()
    (disk / "link").symlink_to(disk / "real")
    assert check_folder(f"{disk}/link/a") == f"{disk}/real/a"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("recordings", "whole path, starting with /"),
        ("~/recordings", "whole path, starting with /"),
        ("/a\0b", "no control characters"),
        ("/a\nb", "no control characters"),
        ("{disk}/file", "is not a folder"),
        ("{disk}/file/x", "is not a folder"),
        ("{disk}/loop", "cannot be followed"),
        ("{disk}/" + "x" * 300, "name too long"),
        ("{disk}/" + "x/" * 300, "path is too long"),
        ("{media}/recordings", "where footage is kept"),
        ("{media}/events/x", "where footage is kept"),
        ("{disk}/old/recordings/yard", "where footage is kept"),
    ],
)
def test_odd_folders_are_refused_in_words(text: str, why: str, disk: Path, settings: Any) -> None:
    (disk / "file").touch()
    (disk / "loop").symlink_to(disk / "loop")
    Storage.objects.create(path=f"{disk}/old")
    assert why in refused(text.format(disk=disk, media=settings.MEDIA_ROOT))


def test_a_root_that_is_gone_is_not_made_anew(disk: Path) -> None:
    disk.rmdir()
    assert "Is the disk connected and mounted?" in refused(f"{disk}/cameras")
    assert not disk.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_one_may_not_write_in_is_refused(disk: Path) -> None:
    disk.chmod(0o500)
    assert "cannot be made: permission denied" in refused(f"{disk}/new")
    assert "cannot write" in refused(str(disk))
    disk.chmod(0o700)


def test_a_full_disk_is_refused_with_its_figures_and_nothing_left(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings_folder, "floor_of", lambda size, hourly: 2 * size)
    assert "is full" in refused(f"{disk}/new") and " of " in refused(f"{disk}/new")
    assert not (disk / "new").exists()


def test_memory_is_no_disk(disk: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    shared = Path("/dev/shm")
    if filesystem(shared) != "tmpfs" or not os.access(shared, os.W_OK):
        pytest.skip("no memory file system here")
    settings.STORAGE_ROOTS = [shared]
    assert "gone after a restart" in refused(str(shared))


def test_the_page_saves_the_resolved_folder_and_the_engine_has_it(
    client_of: Any, alice: User, disk: Path, settings: Any
) -> None:
    client: Client = client_of(alice)
    page = client.get("/settings/").content.decode()
    assert f"Now they go to {settings.MEDIA_ROOT}" in page and f"It may lie in {disk}, {settings.MEDIA_ROOT}" in page
    assert client.post("/settings/", GOOD | {"recordings_path": f"{disk}/./x/../new/"}).status_code == 302
    assert ports.policy().storage == SiteSettings.load().recordings_path == f"{disk}/new"
    assert AuditEntry.objects.get().after["recordings_path"] == f"{disk}/new"
    assert f"Now they go to {disk}/new" in client.get("/settings/").content.decode()


def test_another_fault_in_the_form_makes_no_folder(client_of: Any, alice: User, disk: Path) -> None:
    page = client_of(alice).post("/settings/", GOOD | {"recordings_path": f"{disk}/new", "viewer_fps": "900"})
    assert page.status_code == 200 and not (disk / "new").exists()


def test_a_disk_that_is_away_does_not_keep_other_settings_from_being_saved(
    client_of: Any, alice: User, disk: Path
) -> None:
    client = client_of(alice)
    client.post("/settings/", GOOD | {"recordings_path": f"{disk}/new"})
    (disk / "new").rmdir()
    disk.rmdir()
    assert "cannot be reached" in client.get("/settings/").content.decode()
    again = client.post("/settings/", GOOD | {"recordings_path": f"{disk}/new", "site_name": "Pier"})
    assert again.status_code == 302 and SiteSettings.load().site_name == "Pier" and not disk.exists()
