"""Sıra as a contender of a harness that compares job queues: `make bench PEERS=path`.

The harness starts workers, calls `producer.submit`, reads the state of jobs by SQL and kills processes; `compare.py`
tells it how. This package is also an app with one kind, which `EXTRA_APPS=benchmarks.contender` adds.
"""
