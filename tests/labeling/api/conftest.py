import pytest
from django.test import Client

from tests.labeling.api.programs import make_account, program_of


@pytest.fixture
def program(db: None) -> Client:
    """Petra's: it may do everything that the API offers."""
    return program_of(make_account())
