"""Where the columns of a page are, and where they only seem to be."""

from __future__ import annotations

from parsers.extraction.reading_order import Word, in_reading_order

HEIGHT = 10.0
LETTER = 5.0


def place(*lines: tuple[float, float, str]) -> list[Word]:
    """Return the words of lines given as (left, row, text); rows are 14 pt apart, letters 5 pt wide."""
    words = []
    for left, row, text in lines:
        for word in text.split():
            words.append(Word(word, left, row * 14, left + len(word) * LETTER, row * 14 + HEIGHT))
            left += (len(word) + 1) * LETTER
    return words


def read(*lines: tuple[float, float, str]) -> list[str]:
    return [line for line in in_reading_order(place(*lines)).split("\n") if line]


def test_columns_are_read_left_then_right() -> None:
    left = [(0, row, f"left line {row}") for row in range(6)]
    right = [(200, row, f"right line {row}") for row in range(6)]
    assert read(*left, *right) == [text for *_, text in [*left, *right]]


def test_what_spans_the_page_stays_between_the_columns_it_parts() -> None:
    title = (0, 0, "a title that goes over the whole width of the page and beyond the gutter")
    above = [(0, 1, "a b c"), (200, 1, "d e f"), (0, 2, "a b c"), (200, 2, "d e f"), (0, 3, "a b c"), (200, 3, "d e f")]
    middle = (0, 4, "another heading that goes over the whole width of the page and the gutter")
    below = [(0, 5, "g h i"), (200, 5, "j k l"), (0, 6, "g h i"), (200, 6, "j k l"), (0, 7, "g h i"), (200, 7, "j k l")]
    texts = [title[2], *["a b c"] * 3, *["d e f"] * 3, middle[2], *["g h i"] * 3, *["j k l"] * 3]
    assert read(title, *above, middle, *below) == texts


def test_columns_of_unequal_length_are_not_torn_where_the_short_one_ends() -> None:
    left = [(0, row, f"left {row}") for row in range(3)]
    right = [(200, row + 0.4, f"right line {row}") for row in range(12)]
    assert read(*left, *right) == [text for *_, text in [*left, *right]]


def test_dates_on_the_right_are_no_column() -> None:
    jobs = [(0, row, f"Engineer at Company {row}") for row in range(4)]
    dates = [(300, row, f"Mart 201{row} - Haziran 201{row + 1}") for row in range(4)]
    assert read(*jobs, *dates) == [f"{job[2]}\t{date[2]}" for job, date in zip(jobs, dates, strict=True)]


def test_dates_on_the_left_are_no_column_either() -> None:
    dates = [(0, row, f"201{row} – 201{row + 1}") for row in range(4)]
    jobs = [(120, row, f"Engineer at Company {row}") for row in range(4)]
    assert read(*dates, *jobs) == [f"{date[2]}\t{job[2]}" for date, job in zip(dates, jobs, strict=True)]


def test_labels_stay_with_their_values() -> None:
    labels = [(0, 0, "E-mail:"), (0, 1, "Phone:"), (0, 2, "City:"), (0, 3, "Born:")]
    values = [(120, 0, "somebody@example.com"), (120, 1, "none"), (120, 2, "Nowhereham"), (120, 3, "long ago")]
    assert read(*labels, *values) == [f"{label[2]}\t{value[2]}" for label, value in zip(labels, values, strict=True)]


def test_bullets_stay_with_their_text() -> None:
    bullets = [(0, row, "•") for row in range(4)]
    texts = [(20, row, f"did the thing number {row}") for row in range(4)]
    assert [line.replace("\t", " ") for line in read(*bullets, *texts)] == [f"• {text[2]}" for text in texts]


def test_a_heading_above_a_wide_text_is_not_read_with_the_column_above_it() -> None:
    left = [(0, row, f"left {row}") for row in range(4)]
    right = [(200, row, f"right line {row}") for row in range(4)]
    heading = (0, 6, "EDUCATION")
    wide = (0, 7, "a university whose name is so long that it goes over the whole width of the page")
    lines = read(*left, *right, heading, wide)
    assert lines.index("EDUCATION") > lines.index("right line 3")


def test_letters_of_different_size_on_one_line_are_one_line() -> None:
    big = Word("Name", 0, 0, 80, 24)
    small = Word("2020", 100, 10, 120, 20)
    assert in_reading_order([small, big]).split() == ["Name", "2020"]
    assert "\n" not in in_reading_order([small, big])


def test_a_thousand_words_in_disorder_take_no_time_to_speak_of() -> None:
    import random
    import time

    chance = random.Random(1)
    words = [
        Word("w", left := chance.random() * 500, top := chance.random() * 800, left + 5, top + 8) for _ in range(3000)
    ]
    start = time.process_time()
    in_reading_order(words)
    assert time.process_time() - start < 2
