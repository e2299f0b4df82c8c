"""Shared ends of decisions: a recorded command with its status, a no-op with its warning."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.executor.entities import CommandState, CurrentStatus, WarningEntity
from penstock.executor.naming import sequence_number
from penstock.executor.world import Decision, Effect, Recorded, Task, World

SUCCESS = "SUCCESS"


def recorded(
    task: Task,
    world: World,
    command_id: str,
    message: str,
    *,
    statement: str | None = None,
    query_id: str | None = None,
    effects: Iterable[Effect] = (),
) -> Decision:
    """A command that succeeds. `statement` is the text it is kept under; by default the text as written."""
    text = task.text if statement is None else statement
    status = CommandState(status=SUCCESS, message=message, query_id=query_id)
    entity = CurrentStatus(
        statement_text=text,
        command_id=command_id,
        command_status=status,
        command_sequence_number=sequence_number(task.world.commands),
    )
    return Decision(
        world.after(command_id, status), entity, tuple(effects), Recorded(command_id, text, status)
    )


def nothing_to_do(task: Task, message: str) -> Decision:
    return Decision(task.world, WarningEntity(statement_text=task.text, message=message))
