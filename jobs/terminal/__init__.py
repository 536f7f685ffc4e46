"""What people see in a terminal: bars while they watch, plain lines in a pipe, JSON for programs.

`following.py` reads where jobs stand and what has happened to them, by cursor; `bars.py` and `lines.py` show it.
"""
