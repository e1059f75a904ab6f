"""Where the channels of an engine are: sockets in a folder that is its user's alone. No Django here."""

import hashlib
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

# A unix socket's path may have 107 characters; the longest name below adds 30.
LONGEST_FOLDER = 75


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where one engine's channels are. The engine binds all four, everybody else connects."""

    media_in: str
    media_out: str
    reports: str
    commands: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def private_folder(folder: Path) -> Path:
    """`folder`, made if need be, for this user alone. Raises PermissionError when somebody else owns it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    folder.chmod(0o700)
    return folder


def endpoints(run_dir: Path, engine: str = "main") -> Endpoints:
    """The ipc endpoints of `engine` under `run_dir`; a short private folder stands in where the path is too long."""
    folder = run_dir / "bus"
    if len(str(folder)) > LONGEST_FOLDER:
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"fairwatch-{os.getuid()}" / name
        private_folder(folder.parent)
    private_folder(folder)
    tag = hashlib.sha256(engine.encode()).hexdigest()[:6]
    return Endpoints(*(f"ipc://{folder}/{tag}-{name}" for name in ("media-in", "media-out", "reports", "commands")))
