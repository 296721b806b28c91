"""The cast, as fixtures: Alice labels, Bob labels and reviews beside her, Charlie is a stranger to their work.

The makers are in tests/labeling/cast.py; those who administer come from `admin_browser` in
tests/labeling/admin_cast.py.
"""

import pytest
from django.test import Client

from labeling.models import Labeler
from tests.labeling.cast import browser_of, make_labeler


@pytest.fixture
def alice(db: None) -> Labeler:
    return make_labeler("alice")


@pytest.fixture
def bob(db: None) -> Labeler:
    return make_labeler("bob")


@pytest.fixture
def charlie(db: None) -> Labeler:
    return make_labeler("charlie")


@pytest.fixture
def client(alice: Labeler) -> Client:
    """Alice's browser. A test of a visitor who is not logged in makes a `Client()` of its own."""
    return browser_of(alice)
