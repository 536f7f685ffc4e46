"""The web process: HTTP and WebSockets. daphne config.asgi:application"""

from __future__ import annotations

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SIRA_ROLE", "web")

import django

django.setup()  # before anything that imports models

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from config.handler import Handler  # noqa: E402
from jobs.api.bodies import Bodies  # noqa: E402
from jobs.api.fast_path.app import FastPath  # noqa: E402
from jobs.live.routing import Sockets  # noqa: E402
from jobs.live.transport import Backpressure  # noqa: E402

http = FastPath(Handler()) if settings.ON_POSTGRESQL else Handler()
application = Bodies(Backpressure(ProtocolTypeRouter({"http": http, "websocket": Sockets()})))

# What is there now stays until the end. A full collection that looked at all of it, views and models and libraries,
# would hold up every request of that moment for a tenth of a second.
_ = get_resolver().url_patterns  # which imports the views
gc.collect()
gc.freeze()
