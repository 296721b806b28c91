"""Statements that a process keeps (labeling/base/fast_paths/built_once.py) say the same whenever and for whomever."""

import sys
from datetime import date
from importlib import import_module

import pytest
from django.conf import settings
from django.utils import translation

from labeling.base.fast_paths.built_once import BuiltOnce
from labeling.base.states import LabelerState
from labeling.models import Labeler
from labeling.onboarding.screening.queries.candidates import LONG_AGO
from tests.labeling.cast import make_labeler

pytestmark = pytest.mark.django_db


def every_one() -> dict[str, BuiltOnce]:
    import_module(settings.ROOT_URLCONF)
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("labeling.")]
    return {
        f"{module.__name__}.{name}, {number}": kept
        for module in modules
        for name, value in vars(module).items()
        for number, kept in enumerate(value if isinstance(value, list) else [value])
        if isinstance(kept, BuiltOnce)
    }


def test_none_holds_a_moment_or_a_language() -> None:
    found = every_one()
    assert {
        "labeling.alerts.queries.causes._set_aside, 0",
        "labeling.desk.queries.idle._QUEUES_WITH_TAKERS, 1",
    } <= found.keys()
    for name, kept in found.items():
        with translation.override("en"):
            sql, values = kept.statement()
        with translation.override("zh-hans"):
            assert kept.statement() == (sql, values), name
        assert not [value for value in values if isinstance(value, date) and value.year > LONG_AGO.year], name


def test_what_it_finds_is_as_of_now() -> None:
    @BuiltOnce
    def active():  # type: ignore[no-untyped-def]  # noqa: ANN202
        return Labeler.objects.filter(state=LabelerState.ACTIVE).order_by("pk")

    assert active.instances() == []
    alice = make_labeler("alice")
    assert active.instances() == [alice]
    assert [found.user.username for found in active.instances()] == ["alice"]
