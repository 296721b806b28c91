import pytest

from config.connections import celery_broker, django_database
from config.env import SettingError


def test_a_database_url_becomes_a_django_database() -> None:
    database = django_database("postgresql://concord:p%40ss@db.example.org:5433/labels?sslmode=require")
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["NAME"], database["USER"], database["PASSWORD"]) == ("labels", "concord", "p@ss")
    assert (database["HOST"], database["PORT"]) == ("db.example.org", "5433")
    assert database["OPTIONS"] == {"sslmode": "require"}


def test_a_unix_socket_is_named_by_its_folder() -> None:
    database = django_database("postgresql://concord@/concord?host=/run/pg")
    assert (database["HOST"], database["PORT"], database["OPTIONS"]) == ("/run/pg", "", {})


@pytest.mark.parametrize(
    ("url", "complaint"),
    [("postgresql://db.example.org", "names no database"), ("postgresql://db:port/concord", "a port that is not")],
)
def test_a_database_url_that_leads_nowhere_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        django_database(url)


def test_celery_gets_redis_urls_in_its_own_spelling() -> None:
    assert celery_broker("redis://redis:6379/2") == "redis://redis:6379/2"
    assert celery_broker("unix:///run/redis.sock?db=7") == "redis+socket:///run/redis.sock?virtual_host=7"
