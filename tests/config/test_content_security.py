import pytest
from django.test import Client


@pytest.mark.django_db
def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline() -> None:
    policy = Client().get("/login/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_only_the_admin_may_evaluate_what_its_theme_needs() -> None:
    policy = Client().get("/admin/login/").headers["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-inline' 'unsafe-eval'" in policy
    assert "http" not in policy
