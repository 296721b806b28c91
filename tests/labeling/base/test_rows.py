"""Statements of our own give models, and are planned once a connection."""

import pytest
from django.contrib.auth.models import User
from django.db import NotSupportedError, connection

from labeling.base.fast_paths.rows import Rows, columns

pytestmark = pytest.mark.django_db
NAMED = Rows(
    "SELECT {columns} FROM auth_user AS account WHERE %(name)s = account.username AND length(%(name)s) > %(least)s",
    account=columns("auth.User", "id", "username"),
)


def plans() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%length($2)%%'", [])
        return int(cursor.fetchone()[0])


def test_a_name_may_stand_twice_and_a_second_call_plans_nothing() -> None:
    User.objects.create(username="ada")
    before = plans()
    for _ in range(3):
        (account,) = NAMED.first({"name": "ada", "least": 2}) or []
        assert (type(account), account.username) == (User, "ada")
    assert NAMED.first({"name": "ada", "least": 3}) is None
    assert plans() <= before + 1 == 1


@pytest.mark.django_db(transaction=True)
def test_another_connection_plans_anew() -> None:
    User.objects.create(username="ada")
    NAMED.first({"name": "ada", "least": 0})
    connection.close()
    assert plans() == 0
    assert NAMED.first({"name": "ada", "least": 0}) is not None
    assert plans() == 1


@pytest.mark.django_db(transaction=True)
def test_a_statement_whose_table_was_changed_under_it_is_planned_anew() -> None:
    """As by a migration beside a web process that runs."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE pg_temp.account AS SELECT 1::integer AS id, 'ada'::varchar AS username")
        rows = Rows("SELECT {columns} FROM pg_temp.account WHERE id = %s", account=columns("auth.User", "id"))
        assert rows.first([1]) is not None
        cursor.execute("ALTER TABLE pg_temp.account ALTER COLUMN id TYPE bigint")
        with pytest.raises(NotSupportedError, match="cached plan"):
            rows.first([1])
        assert rows.first([1]) is not None
