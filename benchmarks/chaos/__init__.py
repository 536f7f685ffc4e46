"""Everything goes wrong while clients send work and watch it; then the ledgers are compared. See `__main__.py`."""
