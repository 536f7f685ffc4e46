"""Every setting of Sıra, read from the environment once, here.

A wrong value stops the start with a sentence that names the variable (see also `jobs/checks.py`). The table in
README.md lists each variable; a test keeps the two together.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config import api_description
from config.pooled import PooledConnection

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()


def seconds(name: str, default: float) -> timedelta:
    return timedelta(seconds=env.float(name, default=default))


# --- Where things are kept ------------------------------------------------------------------------------------
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

# "development" works on one machine without any configuration; "production" refuses what would be unsafe there.
ENVIRONMENT = env.str("SIRA_ENV", default="development")
if ENVIRONMENT not in ("development", "production"):
    raise ImproperlyConfigured(f"SIRA_ENV is {ENVIRONMENT!r}; use 'development' or 'production'.")
PRODUCTION = ENVIRONMENT == "production"

DEBUG = env.bool("DEBUG", default=False)

# "web" or "worker": what this process is for.
ROLE = env.str("SIRA_ROLE", default="worker")


def _generated_secret() -> str:
    """Return the secret kept in DATA_DIR, made on the first start, so that sessions survive a restart."""
    from django.core.management.utils import get_random_secret_key

    path = DATA_DIR / "secret-key"
    if not path.exists():
        # Web and worker start at the same time and must agree on one secret, and none may see it half-written.
        with tempfile.NamedTemporaryFile("w", dir=DATA_DIR, prefix="secret-key-", delete=False) as file:
            file.write(get_random_secret_key())
        with suppress(FileExistsError):
            os.link(file.name, path)
        os.unlink(file.name)
    return path.read_text().strip()


SECRET_KEY = env.str("SECRET_KEY", default="")
# Earlier ones: what they signed and sealed is still believed and opened, and all that is new is under SECRET_KEY.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
if SECRET_KEY and SECRET_KEY in SECRET_KEY_FALLBACKS:
    raise ImproperlyConfigured("SECRET_KEY is among SECRET_KEY_FALLBACKS: name the earlier keys there, and a new one.")
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]", "testserver"]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

if PRODUCTION:
    if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5:  # what `check --deploy` asks for
        raise ImproperlyConfigured("SECRET_KEY must be set to at least 50 random characters when SIRA_ENV=production.")
    if DEBUG:
        raise ImproperlyConfigured("DEBUG must be off when SIRA_ENV=production.")
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("ALLOWED_HOSTS must name your hosts (no '*') when SIRA_ENV=production.")
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
else:
    SECRET_KEY = SECRET_KEY or _generated_secret()

# --- Django ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    # Before staticfiles: its runserver replaces Django's. Twisted is slow to load, and workers have no use for it.
    *(["daphne"] if ROLE == "web" else []),
    "jobs.desk.DeskConfig",  # django.contrib.admin with a site of our own
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",  # the files of Swagger UI, served by us
    "channels",
    "django_q",
    "jobs",
    "parsers",
    "classifier",
    "imaging",
    "orders",
    *env.list("EXTRA_APPS", default=[]),  # your own apps with kinds
]

MIDDLEWARE = [
    "jobs.api.observing.Observed",
    "config.headers.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False  # the seeds own paths without a slash; a redirect would lose their POST bodies

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("tr", "Türkçe")]
TIME_ZONE = env.str("TIME_ZONE", default="Europe/Istanbul")
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "staticfiles"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
MEDIA_ROOT = DATA_DIR / "files"
FILE_UPLOAD_PERMISSIONS = 0o600

# A bucket in place of that folder, for more than one host.
FILES_S3_BUCKET = env.str("FILES_S3_BUCKET", default="")
FILES_S3_ENDPOINT_URL = env.str("FILES_S3_ENDPOINT_URL", default="")
FILES_S3_REGION = env.str("FILES_S3_REGION", default="")
FILES_S3_PREFIX = env.str("FILES_S3_PREFIX", default="").strip("/")
FILES_S3_KEY_ID = env.str("FILES_S3_KEY_ID", default="")
FILES_S3_SECRET = env.str("FILES_S3_SECRET", default="")
FILES_S3_ADDRESSING = env.str("FILES_S3_ADDRESSING", default="auto")
FILES_S3_TIMEOUT = seconds("FILES_S3_TIMEOUT_SECONDS", 20)
if FILES_S3_BUCKET:
    if not (find_spec("storages") and find_spec("boto3")):
        raise ImproperlyConfigured(
            "FILES_S3_BUCKET is set, but what speaks S3 is not installed: pip install -r requirements-s3.txt."
        )
    if bool(FILES_S3_KEY_ID) != bool(FILES_S3_SECRET):
        raise ImproperlyConfigured(
            "FILES_S3_KEY_ID and FILES_S3_SECRET go together; without both, boto3 looks where it always does."
        )
    if FILES_S3_ADDRESSING not in ("auto", "path", "virtual"):
        raise ImproperlyConfigured(f"FILES_S3_ADDRESSING is {FILES_S3_ADDRESSING!r}; use 'auto', 'path' or 'virtual'.")
    if FILES_S3_ENDPOINT_URL and not FILES_S3_ENDPOINT_URL.startswith(("https://", "http://")):
        raise ImproperlyConfigured("FILES_S3_ENDPOINT_URL must start with https:// or http://.")
    if {"..", "."} & set(FILES_S3_PREFIX.split("/")):
        raise ImproperlyConfigured("FILES_S3_PREFIX is a path such as sira/files, without '..'.")
    if timedelta(seconds=1) > FILES_S3_TIMEOUT:
        raise ImproperlyConfigured("FILES_S3_TIMEOUT_SECONDS must be 1 or more.")
    STORAGES["default"] = {
        "BACKEND": "jobs.bucket.Bucket",
        "OPTIONS": {
            "bucket_name": FILES_S3_BUCKET,
            "endpoint_url": FILES_S3_ENDPOINT_URL or None,
            "region_name": FILES_S3_REGION or None,
            "location": FILES_S3_PREFIX,
            "access_key": FILES_S3_KEY_ID or None,
            "secret_key": FILES_S3_SECRET or None,
            "addressing_style": FILES_S3_ADDRESSING,
            "timeout": FILES_S3_TIMEOUT.total_seconds(),
        },
    }
elif any(value for name, value in os.environ.items() if name.startswith("FILES_S3_")):
    raise ImproperlyConfigured("FILES_S3_BUCKET is empty, but other FILES_S3_ variables are set. Name the bucket.")

LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

# --- Sessions and signing in ----------------------------------------------------------------------------------
SESSION_COOKIE_AGE = int(timedelta(days=env.float("SESSION_DAYS", default=14)).total_seconds())
if SESSION_COOKIE_AGE < 60:
    raise ImproperlyConfigured("SESSION_DAYS must be more than 0, or nobody can stay signed in.")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # our scripts read the CSRF cookie: it cannot be HttpOnly
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Wrong passwords within the window, of a name from one address and of an address; 0 is no limit.
SIGN_IN_TRIES = env.int("SIGN_IN_TRIES", default=10)
SIGN_IN_TRIES_PER_ADDRESS = env.int("SIGN_IN_TRIES_PER_ADDRESS", default=50)
SIGN_IN_WINDOW = seconds("SIGN_IN_WINDOW_SECONDS", 600)
if SIGN_IN_TRIES < 0 or SIGN_IN_TRIES_PER_ADDRESS < 0 or timedelta(seconds=1) > SIGN_IN_WINDOW:
    raise ImproperlyConfigured(
        "SIGN_IN_TRIES and SIGN_IN_TRIES_PER_ADDRESS must be 0 (no limit) or more, SIGN_IN_WINDOW_SECONDS 1 or more."
    )
# How many proxies of ours stand in front and add to X-Forwarded-For. In production one ends TLS.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=1 if PRODUCTION else 0)
if TRUSTED_PROXIES < 0:
    raise ImproperlyConfigured("TRUSTED_PROXIES must be 0 (asked directly) or the number of proxies in front.")

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Database -------------------------------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'sira.sqlite3'}"
_database = env.db_url_config(DATABASE_URL)
DATABASE_OPTIONS = {
    "sqlite": {
        # IMMEDIATE: a transaction that reads and then writes would otherwise fail at once with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    },
    # A row or a connection that a lost host holds must not hold up anybody for long.
    "postgresql": {
        "connect_timeout": 5,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        # For the statements of jobs/fast_path/: what Django itself sends is bound on the client, and never prepared.
        "prepare_threshold": 5,
        "options": "-c lock_timeout=10s -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 "
        "-c tcp_keepalives_count=3",
    },
}
# A web process has many threads, of which most only wait, so they share a pool; a worker process has one long-lived
# connection per thread.
if "sqlite" in _database["ENGINE"]:
    _database["OPTIONS"] = DATABASE_OPTIONS["sqlite"]
elif "postgresql" in _database["ENGINE"]:
    _database["OPTIONS"] = DATABASE_OPTIONS["postgresql"] | _database.get("OPTIONS", {})
    if ROLE == "web":
        _database["CONN_MAX_AGE"] = 0
        _database["OPTIONS"]["pool"] = {
            "connection_class": PooledConnection,
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", default=10),
            "timeout": 5,
            "reconnect_timeout": 5,
        }
        _database["CONN_HEALTH_CHECKS"] = True  # or each pooled connection fails once after a restart of the server
    else:
        _database["CONN_MAX_AGE"] = 600
        _database["CONN_HEALTH_CHECKS"] = True
else:
    raise ImproperlyConfigured("DATABASE_URL must start with postgres:// or sqlite://.")
DATABASES = {"default": _database}
# Requests that one web process works on at the same time; those that only wait do not count.
WEB_THREADS = env.int("WEB_THREADS", default=8)
if WEB_THREADS < 1:
    raise ImproperlyConfigured("WEB_THREADS must be 1 or more.")
ON_POSTGRESQL = "postgresql" in _database["ENGINE"]

# --- API ------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "jobs.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "jobs.api.scopes.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
        "rest_framework.parsers.FormParser",
    ],
    "EXCEPTION_HANDLER": "jobs.api.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # what `?format=` means is each address's own affair
    "DEFAULT_SCHEMA_CLASS": "jobs.api.openapi.schema.Schema",
}
# The API's description; its words are in config/api_description.py.
SPECTACULAR_SETTINGS = {
    "TITLE": "Sıra",
    "VERSION": "0.1.0",  # tests/api/test_openapi.py holds it against pyproject.toml
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": api_description.INTRODUCTION,
    "TAGS": api_description.TAGS,
    "SERVERS": [{"url": "/", "description": "this server"}],
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["jobs.api.openapi.hooks.without_optional_slashes"],
    "POSTPROCESSING_HOOKS": ["jobs.api.openapi.hooks.complete"],
    "SCHEMA_PATH_PREFIX": "/api(/v1)?",
    "SORT_OPERATION_PARAMETERS": False,
}
# requests a minute of one API token over all web processes; 0 is no limit, and a token may have its own
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=6000)
if API_REQUESTS_PER_MINUTE < 0:
    raise ImproperlyConfigured("API_REQUESTS_PER_MINUTE must be 0 (no limit) or more.")
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_BYTES", default=20 * 1024 * 1024)
# A text that is sent as JSON may be as large as a file, plus what JSON's escapes add.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * MAX_UPLOAD_BYTES
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
MAX_BATCH_FILES = env.int("MAX_BATCH_FILES", default=10_000)
MAX_BATCH_BYTES = env.int("MAX_BATCH_BYTES", default=2 * 1024**3)
# One more, so that our own answer to too many files says what to do (jobs/api/uploads.py).
DATA_UPLOAD_MAX_NUMBER_FILES = MAX_BATCH_FILES + 1
FILE_UPLOAD_HANDLERS = [
    "jobs.api.uploads.FewFiles",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# First parts of addresses that answer programs only, so with problems instead of pages: ours, and those of seed 003.
SIRA_API_ROOTS = ("api", "upload", "classify", "batch", "status", "jobs", "documents", "cancel", "retry", "metrics")

CHANNEL_LAYERS = {"default": {"BACKEND": "jobs.live.layer.ProcessLayer"}}

# --- The engine -----------------------------------------------------------------------------------------------
# How many jobs may hold a resource at once: RESOURCES=gpu=1,scanner=2
_resources = {"gpu": "1", "mailbox": "1"} | env.dict("RESOURCES", default={})
SIRA_RESOURCES = {name: int(capacity) for name, capacity in _resources.items()}
SIRA_LEASE = seconds("LEASE_SECONDS", 30)
SIRA_HEARTBEAT = seconds("HEARTBEAT_SECONDS", 10)
# Where a worker takes an flock on the device that its job holds; the same folder for all clusters of a host.
DEVICE_LOCK_DIR = Path(env.str("DEVICE_LOCK_DIR", default=str(DATA_DIR / "locks")))
# How long one ring of a worker may go on claiming jobs before it goes back to django-q2's loop.
SIRA_WORK_SLICE = seconds("WORK_SLICE_SECONDS", 5)
# How long a running job may go on after SIGTERM before it goes back to the queue.
SIRA_DRAIN_GRACE = seconds("DRAIN_GRACE_SECONDS", 20)
SIRA_RETENTION = timedelta(days=env.int("RETENTION_DAYS", default=30))
# Of what failed or was cancelled, from its end; a kind may say otherwise.
SIRA_RETENTION_FAILED = timedelta(days=env.int("RETENTION_DAYS_FAILED", default=SIRA_RETENTION.days))
SIRA_RETENTION_CANCELLED = timedelta(days=env.int("RETENTION_DAYS_CANCELLED", default=SIRA_RETENTION.days))
# What has not ended so long after it was due fails, whatever it waits for; a kind or a caller may say otherwise.
SIRA_DEADLINE = timedelta(days=env.float("JOB_DEADLINE_DAYS", default=7))
# Who did what is asked for longer than what it was done to.
SIRA_AUDIT_RETENTION = timedelta(days=env.int("AUDIT_RETENTION_DAYS", default=365))
# Which queues a cluster serves: every queue for the main one, its own for a named one.
SIRA_CLUSTER_NAME = env.str("Q_CLUSTER_NAME", default="sira")
SIRA_WORKER_QUEUES = env.list("WORKER_QUEUES", default=[] if SIRA_CLUSTER_NAME == "sira" else [SIRA_CLUSTER_NAME])

WORKERS = env.int("WORKERS", default=2)
# Far above every job's own time-out: the watchdog ends jobs, this only ends a worker that has no watchdog any more.
_RING_TIMEOUT_SECONDS = 24 * 60 * 60
Q_CLUSTER = {
    "name": "sira",
    "broker_class": "jobs.engine.broker.JobBroker",
    "orm": "default",
    "workers": WORKERS,
    "queue_limit": 1,
    "bulk": 1,
    "recycle": env.int("WORKER_RECYCLE", default=5000),
    "save_limit": -1,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "guard_cycle": 0.5,
    "timeout": _RING_TIMEOUT_SECONDS,
    "retry": _RING_TIMEOUT_SECONDS + 60,
    "poll": 0.2,
    "label": "Schedules",
    "log_level": "WARNING",
    # Q_CLUSTER_NAME must be a key here, or django-q2 does not start.
    "ALT_CLUSTERS": {} if SIRA_CLUSTER_NAME == "sira" else {SIRA_CLUSTER_NAME: {}},
}

# --- Webhooks -------------------------------------------------------------------------------------------------
# Whether they may go to this machine and to private networks: for development, and for receivers inside the house.
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", default=not PRODUCTION)

# --- Providers ------------------------------------------------------------------------------------------------
CV_PROVIDER = env.str("CV_PROVIDER", default="local")
if CV_PROVIDER not in ("local", "openai"):
    raise ImproperlyConfigured(f"CV_PROVIDER is {CV_PROVIDER!r}; use 'local' or 'openai'.")
# Per document, and the folders that recurring batches may read.
CLASSIFIER_DOCUMENT_TIMEOUT = seconds("CLASSIFIER_DOCUMENT_TIMEOUT_SECONDS", 180)
CLASSIFIER_FOLDERS = [Path(folder) for folder in env.list("CLASSIFIER_FOLDERS", default=[])]
# Who is asked for a second opinion on a document: "rules" is nobody.
CLASSIFIER_PROVIDER = env.str("CLASSIFIER_PROVIDER", default="rules")
if CLASSIFIER_PROVIDER not in ("rules", "openai"):
    raise ImproperlyConfigured(f"CLASSIFIER_PROVIDER is {CLASSIFIER_PROVIDER!r}; use 'rules' or 'openai'.")
# A table of your own in place of classifier/policy.toml; classifier/checks.py looks at what stands in it.
CLASSIFIER_POLICY = env.str("CLASSIFIER_POLICY", default="")
if CLASSIFIER_POLICY and not Path(CLASSIFIER_POLICY).is_file():
    raise ImproperlyConfigured(f"CLASSIFIER_POLICY is {CLASSIFIER_POLICY!r}, which is no file.")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="https://api.openai.com/v1")
OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
OPENAI_MODEL = env.str("OPENAI_MODEL", default="gpt-4.1-mini")
OPENAI_TIMEOUT = seconds("OPENAI_TIMEOUT_SECONDS", 60)
# requests a minute that Sıra sends at most; 0 leaves the limit to the provider's 429
OPENAI_REQUESTS_PER_MINUTE = env.int("OPENAI_REQUESTS_PER_MINUTE", default=0)
# Who paints: painter (no AI), diffusers (a local FLUX), openai, or the dotted path of a provider class of your own;
# imaging/checks.py looks at what each needs.
IMAGE_PROVIDER = env.str("IMAGE_PROVIDER", default="painter")
IMAGE_TIMEOUT = seconds("IMAGE_TIMEOUT_SECONDS", 600)
IMAGE_MODEL_DIR = env.str("IMAGE_MODEL_DIR", default="")
IMAGE_OPENAI_MODEL = env.str("IMAGE_OPENAI_MODEL", default="gpt-image-1")
# words that no prompt may contain
IMAGE_REFUSED_WORDS = env.list("IMAGE_REFUSED_WORDS", default=[])
# --- Customers' mails and their orders; orders/checks.py looks at what each choice needs -----------------------
MAIL_PROVIDER = env.str("MAIL_PROVIDER", default="maildir")
MAILDIR = Path(env.str("MAILDIR", default=str(DATA_DIR / "maildir")))
MAILDIR_HAS_SAMPLES = "MAILDIR" not in os.environ  # a folder of one's own gets no mails of ours
IMAP_HOST = env.str("IMAP_HOST", default="")
IMAP_PORT = env.int("IMAP_PORT", default=993)
IMAP_SECURITY = env.str("IMAP_SECURITY", default="tls")
IMAP_USER = env.str("IMAP_USER", default="")
IMAP_FOLDER = env.str("IMAP_FOLDER", default="INBOX")
IMAP_AUTH = env.str("IMAP_AUTH", default="password")
IMAP_PASSWORD = env.str("IMAP_PASSWORD", default="")
IMAP_OAUTH_TOKEN_URL = env.str("IMAP_OAUTH_TOKEN_URL", default="")
IMAP_OAUTH_CLIENT_ID = env.str("IMAP_OAUTH_CLIENT_ID", default="")
IMAP_OAUTH_CLIENT_SECRET = env.str("IMAP_OAUTH_CLIENT_SECRET", default="")
IMAP_OAUTH_REFRESH_TOKEN = env.str("IMAP_OAUTH_REFRESH_TOKEN", default="")
MAIL_TIMEOUT = seconds("MAIL_TIMEOUT_SECONDS", 30)
MAX_MAIL_BYTES = env.int("MAX_MAIL_BYTES", default=25 * 1024 * 1024)

ORDER_PROVIDER = env.str("ORDER_PROVIDER", default="sample")
ORDER_SAMPLE_FILE = Path(env.str("ORDER_SAMPLE_FILE")) if "ORDER_SAMPLE_FILE" in os.environ else None
IKAS_TOKEN_URL = env.str("IKAS_TOKEN_URL", default="")
IKAS_API_URL = env.str("IKAS_API_URL", default="https://api.myikas.com/api/v1/admin/graphql")
IKAS_CLIENT_ID = env.str("IKAS_CLIENT_ID", default="")
IKAS_CLIENT_SECRET = env.str("IKAS_CLIENT_SECRET", default="")
IKAS_TIMEOUT = seconds("IKAS_TIMEOUT_SECONDS", 15)
# Both hold: so many requests in each second, and so many in each window.
IKAS_REQUESTS_PER_SECOND = env.float("IKAS_REQUESTS_PER_SECOND", default=1)
IKAS_REQUESTS_PER_WINDOW = env.int("IKAS_REQUESTS_PER_WINDOW", default=300)
IKAS_WINDOW = seconds("IKAS_WINDOW_SECONDS", 300)

REPLY_PROVIDER = env.str("REPLY_PROVIDER", default="template")
# whether a draft is written as soon as the order of a new mail is known; a person sends it, in any case
REPLY_AUTOMATIC_DRAFTS = env.bool("REPLY_AUTOMATIC_DRAFTS", default=True)
SHOP_NAME = env.str("SHOP_NAME", default="")

OUTBOX_PROVIDER = env.str("OUTBOX_PROVIDER", default="files")
OUTBOX_DIR = Path(env.str("OUTBOX_DIR", default=str(DATA_DIR / "outbox")))
MAIL_FROM = env.str("MAIL_FROM", default="sira@example.com")
SMTP_HOST = env.str("SMTP_HOST", default="")
SMTP_PORT = env.int("SMTP_PORT", default=587)
SMTP_SECURITY = env.str("SMTP_SECURITY", default="starttls")
SMTP_USER = env.str("SMTP_USER", default="")
SMTP_PASSWORD = env.str("SMTP_PASSWORD", default="")
SMTP_TIMEOUT = seconds("SMTP_TIMEOUT_SECONDS", 60)

for _name, _provider in (
    ("CV_PROVIDER", CV_PROVIDER),
    ("CLASSIFIER_PROVIDER", CLASSIFIER_PROVIDER),
    ("IMAGE_PROVIDER", IMAGE_PROVIDER),
):
    if _provider == "openai" and not OPENAI_API_KEY:
        raise ImproperlyConfigured(f"{_name}=openai needs OPENAI_API_KEY (any text for a local server without keys).")

# --- Being watched --------------------------------------------------------------------------------------------
# What Prometheus sends as its bearer token; without one, /metrics is for staff alone.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN and len(METRICS_TOKEN) < 20:
    raise ImproperlyConfigured("METRICS_TOKEN must have at least 20 characters; make one with `openssl rand -hex 32`.")
SIRA_VERSION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

# Traces go out when there is somewhere to send them and the extra is installed; jobs/checks.py warns when it is not.
# OpenTelemetry itself reads its other variables.
OTEL_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
OTEL_MISSING = bool(OTEL_ENDPOINT) and not all(
    find_spec(name) for name in ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter")
)
SIRA_TRACING = bool(OTEL_ENDPOINT) and not OTEL_MISSING and not env.bool("OTEL_SDK_DISABLED", default=False)

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT = env.str("LOG_FORMAT", default="line")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}; use 'line' or 'json'.")
# One record for each request: machines want them, people who read a console do not.
SIRA_ACCESS_LOG = env.bool("ACCESS_LOG", default=LOG_FORMAT == "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"fields": {"()": "jobs.logs.Fields"}},
    "formatters": {
        "line": {"()": "jobs.logs.LineFormatter", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "jobs.logs.JSONFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["fields"]}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django-q": {"level": env.str("Q_LOG_LEVEL", default="WARNING")},
        "daphne": {"level": "WARNING"},
        "psycopg.pool": {"level": "WARNING"},  # tells of every request at INFO
        "httpcore": {"level": "WARNING"},  # these tell headers, and so keys and cookies, at DEBUG
        "httpcore2": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        "boto3": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
    },
}
