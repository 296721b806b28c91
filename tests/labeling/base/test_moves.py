"""The states of every table follow each other as base/states/legal_moves.py says, in Python and in PostgreSQL."""

from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.utils import timezone

from labeling.base.moves import StatefulModel
from labeling.base.states import LEGAL_MOVES, AssignmentState, IllegalMove, LabelerState, SkipReason, legal_moves
from labeling.desk.services.assignments import claim_ranking, skip
from labeling.desk.services.leases import close_submitted
from labeling.models import Labeler
from tests.labeling.cast import make_campaign, make_labeler, make_prompt, make_ready_task

pytestmark = pytest.mark.django_db

NOUNS = [model for model in apps.get_app_config("labeling").get_models() if issubclass(model, StatefulModel)]


def states_of(noun: type[Any]) -> type[models.TextChoices]:
    choices = noun._meta.get_field("state").choices
    return next(states for states in LEGAL_MOVES if states.choices == choices)


def allow_any_row(noun: type[Any]) -> None:
    """Takes everything off the table but its triggers, until the test's transaction is rolled back."""
    table = noun._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", [table])
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for field in noun._meta.concrete_fields:
            if not field.primary_key:
                cursor.execute(f'ALTER TABLE {table} ALTER COLUMN "{field.column}" DROP NOT NULL')


def insert(noun: type[Any], state: str) -> int:
    table = noun._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")  # for "one current model", "one active run"
        cursor.execute(f"INSERT INTO {table} (state) VALUES (%s) RETURNING id", [state])
        return int(cursor.fetchone()[0])


def test_every_table_with_a_state_declares_its_moves() -> None:
    with_state = [
        model
        for model in apps.get_app_config("labeling").get_models()
        if any(field.name == "state" for field in model._meta.fields)
    ]
    assert with_state == NOUNS
    assert {states_of(noun) for noun in NOUNS} == set(LEGAL_MOVES)


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_postgresql_lets_legal_moves_pass_and_refuses_every_other(noun: type[Any]) -> None:
    allow_any_row(noun)
    states = states_of(noun)
    for old, new in product(states, states):
        if old == new:
            continue
        row = noun._base_manager.filter(pk=insert(noun, old))
        refused = ""
        try:
            with transaction.atomic():
                row.update(state=new)
        except DatabaseError as refusal:
            refused = str(refusal)
        if new in legal_moves(old):
            assert not refused
        else:
            assert f"can't go from {old} to {new}" in refused


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_rows_move_legally_or_stay(noun: type[Any]) -> None:
    allow_any_row(noun)
    states = states_of(noun)
    for old, new in product(states, states):
        rows = noun.objects.filter(pk=insert(noun, old))
        row = rows.only("state").get()
        if new in legal_moves(old):
            assert row.move(to=new) is row
            assert rows.get(state=new) == row
            assert noun.objects.filter(pk=insert(noun, old)).move(to=new) == 1
        else:
            with pytest.raises(IllegalMove):
                row.move(to=new)
            assert rows.move(to=new) == 0
            assert rows.filter(state=old).exists()


def test_a_row_that_left_its_state_meanwhile_stays_as_it_is() -> None:
    alice = make_labeler(state=LabelerState.SCREENING)
    Labeler.objects.get(pk=alice.pk).move(to=LabelerState.SUSPENDED)
    with pytest.raises(IllegalMove, match="no longer screening"):
        alice.move(to=LabelerState.ACTIVE)
    assert Labeler.objects.get(pk=alice.pk).state == LabelerState.SUSPENDED


def test_the_statement_that_closes_a_ranking_obeys_too(alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    assignment = claim_ranking(labeler=alice)
    assert assignment is not None
    skipped = skip(labeler=alice, token=str(assignment.token), reason=SkipReason.BROKEN)
    assert skipped.state == AssignmentState.SKIPPED
    with pytest.raises(IntegrityError), transaction.atomic():
        close_submitted(skipped, now=timezone.now())
