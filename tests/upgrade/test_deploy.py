"""What stands in compose.yaml and deploy/ agrees with the settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from config.serve import STOP_MARGIN
from jobs.api.uploads import ROOM_FOR_HEADERS
from jobs.kinds import registry
from tests.test_documentation import ROOT, settings_read

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
STOP_SECONDS = int((settings.SIRA_DRAIN_GRACE + STOP_MARGIN).total_seconds())


def services() -> dict[str, Any]:
    everything: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return {name: it for name, it in everything.items() if it.get("image") == "sira"}


def test_every_variable_is_a_setting() -> None:
    named = {name for it in services().values() for name in it["environment"]}
    for unit in UNITS:
        for line in re.findall(r"^Environment=(.*)", unit.read_text(), re.MULTILINE):
            named |= {pair.split("=")[0] for pair in line.split()}
    assert len(named) > 8
    assert named - settings_read() == set()


def test_whoever_stops_a_worker_waits_for_its_drain() -> None:
    assert {it["stop_grace_period"] for it in services().values()} == {f"{STOP_SECONDS}s"}
    assert len(UNITS) == 3
    for unit in UNITS:
        text = unit.read_text()
        assert f"TimeoutStopSec={STOP_SECONDS}\n" in text
        assert "KillMode=mixed\n" in text


def test_every_queue_has_workers() -> None:
    found = services()
    served = set(found["workers"]["environment"]["WORKER_QUEUES"].split(","))
    served.add(found["gpu"]["environment"]["Q_CLUSTER_NAME"])
    ours = {kind.queue for kind in registry if not kind.name.startswith("workload.")}
    assert served == ours


def test_the_proxy_lets_pass_what_the_settings_allow() -> None:
    text = Path(ROOT / "deploy" / "nginx.conf").read_text()
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", text)
    assert int(megabytes) * 1024**2 >= settings.MAX_BATCH_BYTES + ROOM_FOR_HEADERS
    assert "proxy_buffering off;" in text
