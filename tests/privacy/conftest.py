from tests.orders.conftest import maildir

__all__ = ["maildir"]
