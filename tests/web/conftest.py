"""The world of tests/authorisation: a row of everything, and somebody of each role."""

from tests.authorisation.conftest import *  # noqa: F403
