"""Rows that go from one state to another, by the moves of base/states/legal_moves.py and no other."""

from typing import Any, Self, TypeVar

from django.db import models

from labeling.base.states import LEGAL_MOVES, IllegalMove, check_move, states_before

Row = TypeVar("Row", bound=models.Model)


class StatefulQuerySet(models.QuerySet[Row]):
    def move(self, *, to: models.TextChoices, **changes: Any) -> int:
        """Takes every row that may become `to` there, and writes `changes` with it. Returns how many there were."""
        return self.filter(state__in=states_before(to)).update(state=to, **changes)


class StatefulModel(models.Model):
    """A table with a column `state`. Its state changes by `move` alone; PostgreSQL refuses illegal moves as well."""

    objects = StatefulQuerySet.as_manager()

    class Meta:
        abstract = True

    def move(self, *, to: models.TextChoices, **changes: Any) -> Self:
        """Takes the row from the state in which this object has it to `to`, and writes `changes` in the same UPDATE.

        Raises IllegalMove: `to` may not follow that state, or the row has left it meanwhile.
        """
        old = type(to)(self.serializable_value("state"))
        check_move(old=old, new=to)
        rows = type(self)._base_manager.filter(pk=self.pk, state=old)  # noqa: SLF001  (Django's own name for it)
        if not rows.update(state=to, **changes):
            raise IllegalMove(f"{self} is no longer {old}, so it can't become {to} from there.")
        for name, value in {"state": to, **changes}.items():
            setattr(self, name, value)
        return self


# A trigger's arguments are the moves that it lets pass, each as "old>new". It comes after the CHECK constraints, which
# say more of a state that there isn't.
REFUSE_ILLEGAL_MOVE = """
CREATE FUNCTION concord_refuse_illegal_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state || '>' || NEW.state <> ALL (TG_ARGV) THEN
        RAISE EXCEPTION '% % can''t go from % to %', TG_TABLE_NAME, NEW.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
"""


def refuse_illegal_moves(table: str, states: type[models.TextChoices]) -> str:
    """The trigger that holds a table to the legal moves of its states."""
    moves = ", ".join(f"'{old}>{new}'" for old, following in LEGAL_MOVES[states].items() for new in following)
    return (
        f"CREATE TRIGGER concord_legal_moves AFTER UPDATE ON {table} FOR EACH ROW "
        f"WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION concord_refuse_illegal_move({moves});"
    )
