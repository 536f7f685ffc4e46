"""What Prometheus is told.

    tallies.py    what has happened, counted once for each event of the log, in a table of its own
    collector.py  how everything stands, read from the database when somebody asks
    process.py    what this web process has seen itself

Web processes are several, workers are elsewhere, and any of them may be killed: so whatever is to be true for all of
them comes from the database. What each metric means: `docs/metrics.md`.
"""
