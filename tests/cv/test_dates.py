"""Dates and ranges as CVs write them, and the years they add up to."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.cv.dates import Month, find_periods, stated_years, years_covered

TODAY = date(2026, 11, 22)
RANGES = [
    ("Ocak 2018 – Halen", "2018-01", None),
    ("2018 Mart - 2019 Nisan", "2018-03", "2019-04"),
    ("Ağustos 2019 - Aralık 2021", "2019-08", "2021-12"),
    ("AGUSTOS 2019 - ARALIK 2021", "2019-08", "2021-12"),
    ("Kasım 2020 — Şu an", "2020-11", None),
    ("2016 – günümüz", "2016", None),
    ("2020 - Devam ediyor", "2020", None),
    ("2004 yılından beri", "2004", None),
    ("2015'ten beri", "2015", None),
    ("03/2018 - 05/2020", "2018-03", "2020-05"),
    ("05 / 2003 - 08 / 2004", "2003-05", "2004-08"),
    ("09.2014 – 06.2018", "2014-09", "2018-06"),
    ("15.03.2018 - 20.05.2019", "2018-03", "2019-05"),
    ("2018-03 - 2019-04", "2018-03", "2019-04"),
    ("June 2008- Dec 2008", "2008-06", "2008-12"),
    ("Sept '05 - Oct '07", "2005-09", "2007-10"),
    ("January to May 2009", "2009-01", "2009-05"),
    ("May 2010 - till date", "2010-05", None),
    ("since 2015", "2015", None),
    ("11/91 to 3/92", "1991-11", "1992-03"),
    ("1986-89", "1986", "1989"),
    ("2010-2014", "2010", "2014"),
    ("2013  2014", "2013", "2014"),
    ("20082012", "2008", "2012"),
    ("2019 -", "2019", None),
]


@pytest.mark.parametrize(("text", "first", "last"), RANGES)
def test_a_range_is_read_in_every_usual_form(text: str, first: str, last: str | None) -> None:
    (period,) = find_periods(text, today=TODAY)
    assert period.is_range
    assert str(period.first) == first
    assert (str(period.last) if period.last else None) == last
    assert period.is_current is (last is None)


@pytest.mark.parametrize(
    "text", ["$2000 to spend", "Windows NT", "12345678", "Tel: 0532 000 11 22", "2019 - 2010", "", "2055"]
)
def test_what_is_no_range_is_not_read_as_one(text: str) -> None:
    assert not [period for period in find_periods(text, today=TODAY) if period.is_range]


@pytest.mark.parametrize(
    ("periods", "years"),
    [
        ([], None),
        ([(Month(2020, 1), Month(2020, 12), False)], 1),
        (
            [(Month(2018, 1), Month(2020, 12), False), (Month(2019, 6), Month(2021, 6), False)],
            3.5,
        ),  # overlap counts once
        (
            [(Month(2018, 1), Month(2018, 12), False), (Month(2020, 1), Month(2020, 12), False)],
            2,
        ),  # a gap does not count
        ([(Month(2010), Month(2012), False)], 2),
        ([(Month(2010), Month(2010), False)], 0.5),
        ([(Month(2025, 12), None, True)], 1),
        ([(Month(2020, 1), Month(2030, 1), False)], 6.9),  # nobody has worked in the future
        ([(Month(2030, 1), None, True)], None),
    ],
)
def test_years_are_added_up_from_merged_ranges(periods: list, years: float | None) -> None:
    assert years_covered(periods, today=TODAY) == years


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("11 years of experience", 11),
        ("over ten years' experience", 10),
        ("5+ years of hands-on industry experience", 5),
        ("Experience: 2 Years and 4 Months", 2.3),
        ("8 yıllık deneyim", 8),
        ("10 yılı aşkın tecrübe", 10),
        ("deneyim süresi: 7 yıl", 7),
        ("I am 30 years old", None),
        ("", None),
    ],
)
def test_a_stated_figure_is_read(text: str, years: float | None) -> None:
    assert stated_years(text) == years


@given(st.lists(st.tuples(st.integers(1950, 2026), st.integers(1, 12), st.integers(0, 200)), min_size=1, max_size=8))
def test_merged_years_are_never_more_than_the_sum_and_never_less_than_the_longest(
    spans: list[tuple[int, int, int]],
) -> None:
    periods = []
    for year, month, length in spans:
        last = year * 12 + month - 1 + length
        periods.append((Month(year, month), Month(last // 12, last % 12 + 1), False))
    each = [years_covered([period], today=TODAY) or 0 for period in periods]
    together = years_covered(periods, today=TODAY) or 0
    assert max(each) - 0.05 <= together <= sum(each) + 0.05 * len(each) + 0.05
