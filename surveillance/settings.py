"""Django's settings; the only reader of the environment. docs/settings.md explains every variable."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from surveillance.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = (BASE_DIR / "CHANGELOG.md").read_text().partition("## ")[2].split()[0]
_env = Environment(BASE_DIR / ".env")

SECRET_KEY = _env.secret_key("SECRET_KEY")
DEBUG = _env.flag("DEBUG", False)
ALLOWED_HOSTS = _env.hosts("ALLOWED_HOSTS")
PORT = _env.number("PORT", 8000, 1, 65535)
TLS = _env.choice("TLS", "off", ("off", "local", "proxy"))
TRUSTED_PROXIES = _env.networks("TRUSTED_PROXIES", ["127.0.0.1", "::1"] if TLS == "proxy" else [])
RUN_DIR = _env.folder("RUN_DIR", BASE_DIR / "run")
MEDIA_ROOT = _env.folder("MEDIA_ROOT", BASE_DIR / "media")
STORAGE_ROOTS = _env.folders("STORAGE_ROOTS", [MEDIA_ROOT])
CAMERA_FILES = _env.folder("CAMERA_FILES", MEDIA_ROOT / "camera-files")
ALLOW_LOOPBACK_CAMERAS = _env.flag("ALLOW_LOOPBACK_CAMERAS", False)
CSRF_TRUSTED_ORIGINS = _env.origins("CSRF_TRUSTED_ORIGINS")
CAMERA_PASSWORD = _env.camera_password("CAMERA_PASSWORD")
# The password of a Tapo camera's account, for `addcamera` alone.
CAMERA_CLOUD_PASSWORD = _env.text("CAMERA_CLOUD_PASSWORD")
PUSH_MAX_BYTES = _env.number("PUSH_MAX_BYTES", 8 * 1024 * 1024, 10_000, 64 * 1024 * 1024)
PUSH_MAX_PIXELS = _env.number("PUSH_MAX_PIXELS", 24_000_000, 10_000, 64_000_000)
PUSH_FPS = _env.number("PUSH_FPS", 30, 1, 60)
X_ACCEL_REDIRECT = _env.prefix("X_ACCEL_REDIRECT")
ENGINE_NAME = _env.word("ENGINE_NAME", "main")
LOG_LEVEL = _env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
ADDUSER_PASSWORD = _env.text("ADDUSER_PASSWORD")
TIME_ZONE = _env.time_zone("TIME_ZONE", "UTC")
# A surveillance.broker.Broker; None: no MQTT.
MQTT_URL = _env.broker("MQTT_URL")
_mail = _env.mail_server("EMAIL_URL")
EMAIL_FROM = _env.mail_address("EMAIL_FROM", _mail.sender)
_database = _env.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}")
_env.stop_if_wrong()
# What is allowed but should not stay so; `serve` says it.
START_WARNINGS = _env.warnings

# WAL with IMMEDIATE transactions: readers never wait and two writers queue instead of failing. Only the engine
# checkpoints (camera/engine/rows.py), hence wal_autocheckpoint=0 for everybody else.
if str(_database["ENGINE"]).endswith("sqlite3"):
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;"
        # Otherwise INSERT OR REPLACE would pass by the triggers that keep the log.
        "PRAGMA recursive_triggers=ON;"
        "PRAGMA wal_autocheckpoint=0;PRAGMA journal_size_limit=67108864;",
    }
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "accounts",
    "camera",
    "main",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "csp",
    "ninja",
]
MIDDLEWARE = [
    # What these three add stands on every reply, redirects to https included.
    "csp.middleware.CSPMiddleware",
    "main.middleware.PrivateReplies",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "main.proxy_check.ProxyCheck",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "main.kiosk_bounds.KioskBounds",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "main.middleware.LastingLogins",
    "main.middleware.HouseTime",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "surveillance.urls"
ASGI_APPLICATION = "surveillance.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "main.pages.context.house",
            ],
        },
    },
]

# Who may log in, and how.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation." + name}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.HouseAdapter"
ACCOUNT_FORMS = {"signup": "accounts.forms.SignupForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_USERNAME_MIN_LENGTH = 2
EMAIL_BACKEND = "django.core.mail.backends." + ("smtp.EmailBackend" if _mail.host else "dummy.EmailBackend")
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.scheme == "smtp+tls", _mail.scheme == "smtps"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM

# Rate limits live in the database so that several web processes share them.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}

SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "main.pages.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS: list[str] = []
if TLS == "off":
    # A house without TLS is told so by a banner to its owner; these four warn of nothing else.
    SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]
else:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = True
    # Whether a request came by TLS is what uvicorn takes over from trusted proxies, not what anybody's header says.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
    if TLS == "local":
        # Where a device that does not trust the house yet gets its authority.
        SECURE_REDIRECT_EXEMPT += [r"^tls/(ca\.(crt|cer))?$"]
        # A name in a home network is not for ever the same machine's, and other programs on it may speak plain http.
        SECURE_HSTS_SECONDS = 60 * 60 * 24 * 7
        SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
        SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Larger bodies are refused in surveillance/limits.py before Django sees them.
MAX_BODY_BYTES = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "camera.redact.RedactingFormatter", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    # What is away for a moment (a camera, the engine, a stopped stream) answers 503 as a matter of course.
    "filters": {
        "not_503": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", 0) != HTTPStatus.SERVICE_UNAVAILABLE,
        },
        # A download breaks off where a right or the file is gone: the reader sees that the connection is cut.
        "not_cut": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: not (record.exc_info and record.exc_info[0].__name__ == "NoFileError"),
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "django.request": {"level": "ERROR", "filters": ["not_503"]},
        # Every scanner asks by odd names; main.pages.errors tells of it in one line instead of a traceback.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # uvicorn tells of each socket that comes and goes under this name.
        "uvicorn.error": {"level": "WARNING", "filters": ["not_cut"]},
    },
}
