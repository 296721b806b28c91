"""Addresses that only scanners send."""

import pytest
from django.test import Client

from tests.labeling.admin_cast import admin_browser

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [
        "/admin/labeling/prompt/?language=%00",
        "/admin/labeling/prompt/?campaign__slug__exact=a%00b",
        "/admin/labeling/labeler/?user__username=%00",
        "/admin/labeling/prompt/?%00=1",
        "/admin/labeling/prompt/%00/change/",
        "/admin/auth/user/?username=x&username=%00",
    ],
)
def test_a_nul_in_an_address_of_the_admin_is_refused_and_no_server_error(address: str) -> None:
    assert admin_browser().get(address).status_code == 400


@pytest.mark.parametrize("address", ["/history/?page=%00", "/instructions/%00/", "/login/?next=%00"])
def test_and_in_those_of_labelers(address: str, client: Client) -> None:
    page = client.get(address)
    assert page.status_code == 400
    assert "could not be read" in page.content.decode()


def test_and_in_those_of_programs_as_they_are_told_everything(client: Client) -> None:
    refused = client.get("/api/v1/model-versions/?cursor=%00")
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")
    assert refused.json()["detail"] == "The address has a NUL in it."
