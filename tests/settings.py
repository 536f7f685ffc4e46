"""The settings of the tests: config.settings, in a DATA_DIR of their own.

pytest-django imports its settings before any conftest, so this is the only place that can keep a test run away from
the data of the person who runs it. Processes that tests start use config.settings itself, as a user's do.
"""

import atexit
import os
import shutil
import tempfile

if "SIRA_TEST_DATA_DIR" not in os.environ:  # a child process of a test finds its parent's
    os.environ["SIRA_TEST_DATA_DIR"] = tempfile.mkdtemp(prefix="sira-tests-")
    _maker = os.getpid()

    @atexit.register
    def _remove_test_data() -> None:
        if os.getpid() == _maker:  # and not a fork of it
            shutil.rmtree(os.environ["SIRA_TEST_DATA_DIR"], ignore_errors=True)


os.environ["DATA_DIR"] = os.environ["SIRA_TEST_DATA_DIR"]
os.environ["EXTRA_APPS"] = "tests.workload"  # also for the processes that tests start
# What a person set for their own server must not decide how a test ends.
for _name in (
    "DATABASE_URL",
    "SIRA_ENV",
    "SIRA_ROLE",
    "Q_CLUSTER_NAME",
    "DEBUG",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "ALLOWED_HOSTS",
    "SESSION_DAYS",
    "SIGN_IN_TRIES",
    "SIGN_IN_TRIES_PER_ADDRESS",
    "SIGN_IN_WINDOW_SECONDS",
    "TRUSTED_PROXIES",
    "IMAGE_PROVIDER",
    "DEVICE_LOCK_DIR",
    "MAIL_PROVIDER",
    "MAILDIR",
    "ORDER_PROVIDER",
    "REPLY_PROVIDER",
    "OUTBOX_PROVIDER",
    "MAIL_FROM",
    "LOG_FORMAT",
    "ACCESS_LOG",
    "METRICS_TOKEN",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_SDK_DISABLED",
    *(name for name in list(os.environ) if name.startswith("FILES_S3_")),
):
    os.environ.pop(_name, None)

from config.settings import *  # noqa: E402, F403
from config.settings import DATA_DIR, DATABASES, STATIC_ROOT  # noqa: E402

# A file, so that threads and processes see the same database; SQLite's default for tests lives in memory.
DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "tests.sqlite3")}
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns of its absence
# The real ones take a third of a second for each password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# One DATA_DIR serves all processes of a test run, but each has jobs, and so devices, of its own.
DEVICE_LOCK_DIR = DATA_DIR / f"locks-{os.getpid()}"
