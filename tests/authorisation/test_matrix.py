"""Every role at every address with every method, as it is declared; who is refused changes nothing."""

from __future__ import annotations

import pytest

from tests.authorisation.matrix import cells, put, wrong_with
from tests.authorisation.people import EVERYBODY

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", EVERYBODY)
@pytest.mark.parametrize("area", ["api", "pages", "desk"])
def test_everybody_gets_what_is_declared_and_nothing_else(world, area, role):
    asked = [(cell, put(cell, world, world.ids)) for cell in cells(area, role)]
    assert len(asked) > 10
    wrong = [sentence for cell, answer in asked for sentence in wrong_with(cell, answer)]
    assert not wrong, "\n".join(wrong)
