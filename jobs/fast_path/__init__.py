"""The steps that every job takes, each as one prepared statement on PostgreSQL.

What a step means stands in `lifecycle.py`, which takes it on every database and in every case. Here the plain case of
the most frequent steps is taken again, in one round trip and one commit: whatever is out of the plain is left alone,
and the caller goes the long way. `tests/engine/test_fast_path.py` takes both ways and compares every column.
"""
