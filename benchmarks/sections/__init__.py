"""What `make bench` measures, a module for each part of the system. Each function returns figures by name.

A name says what it is and ends with its unit: `pickup_p99_ms`, `drain_jobs_per_s`. Times are milliseconds or seconds,
memory is MiB.
"""
