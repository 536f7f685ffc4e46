"""Pages over a table that may hold a hundred thousand rows."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.utils.functional import cached_property

#: Nobody leafs further; a filter gets there. Counting stops here, so a page costs the same however large the table is.
COUNT_AT_MOST = 5_000


class CappedPaginator(Paginator):
    """Counts up to COUNT_AT_MOST; what is older is reached by filters and search."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:COUNT_AT_MOST].count()  # type: ignore[attr-defined]
