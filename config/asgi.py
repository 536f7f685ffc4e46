"""The web process: HTTP and WebSockets. daphne config.asgi:application"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SIRA_ROLE", "web")

from django.core.asgi import get_asgi_application

http = get_asgi_application()  # before anything that imports models

from channels.routing import ProtocolTypeRouter  # noqa: E402

from jobs.api.bodies import Bodies  # noqa: E402
from jobs.live.routing import Sockets  # noqa: E402
from jobs.live.transport import Backpressure  # noqa: E402

application = Bodies(Backpressure(ProtocolTypeRouter({"http": http, "websocket": Sockets()})))
