"""Loaded before Django's settings (see pyproject.toml): tests never see the .env, media or database of a real house."""

import atexit
import os
import shutil
import sys
import tempfile

# Else every worker of every run would work out anew what pytest puts behind each assert: four seconds of CPU for each.
sys.dont_write_bytecode = False
FOLDER = tempfile.mkdtemp(prefix="fairwatch-tests-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
# Empty is the same as not set, and wins over a line in .env.
DEFAULTS = (
    "DEBUG", "ALLOWED_HOSTS", "TLS", "TRUSTED_PROXIES", "CSRF_TRUSTED_ORIGINS", "STORAGE_ROOTS", "LOG_LEVEL",
    "CAMERA_PASSWORD", "PUSH_MAX_BYTES", "PUSH_MAX_PIXELS", "PUSH_FPS", "X_ACCEL_REDIRECT", "ADDUSER_PASSWORD",
    "EMAIL_URL", "EMAIL_FROM", "MQTT_URL",
)  # fmt: skip
os.environ |= dict.fromkeys(DEFAULTS, "")
os.environ |= {
    "SECRET_KEY": "k7Vw2mQz9Xr4Tb6Np1Lc8Hd3Jf5Gs0Ya-only-for-the-tests",
    "DATABASE_URL": f"sqlite:///{FOLDER}/db.sqlite3",
    "MEDIA_ROOT": f"{FOLDER}/media",
    "RUN_DIR": f"{FOLDER}/run",
    "CAMERA_FILES": f"{FOLDER}/files",
    "ALLOW_LOOPBACK_CAMERAS": "true",
    "TIME_ZONE": "UTC",
    "PORT": "8000",
    "ENGINE_NAME": "main",
}
