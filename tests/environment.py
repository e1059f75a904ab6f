"""Loaded before Django's settings (see pyproject.toml): tests never see the .env, media or database of a real house."""

import atexit
import os
import shutil
import tempfile

FOLDER = tempfile.mkdtemp(prefix="fairwatch-tests-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
for name in list(os.environ):
    if name in {"DEBUG", "ALLOWED_HOSTS", "TLS", "TRUSTED_PROXIES", "STORAGE_ROOTS", "ENGINE_NAME", "LOG_LEVEL"}:
        del os.environ[name]
os.environ |= {
    "SECRET_KEY": "k7Vw2mQz9Xr4Tb6Np1Lc8Hd3Jf5Gs0Ya-only-for-the-tests",
    "DATABASE_URL": f"sqlite:///{FOLDER}/db.sqlite3",
    "MEDIA_ROOT": f"{FOLDER}/media",
    "RUN_DIR": f"{FOLDER}/run",
    "CAMERA_FILES": f"{FOLDER}/files",
    "ALLOW_LOOPBACK_CAMERAS": "true",
    "TIME_ZONE": "UTC",
    "PORT": "8000",
}
