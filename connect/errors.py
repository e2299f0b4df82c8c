"""The failures of the Connect worker, drawn as a tree. Each says what happened and what to do next.

    PenstockError
    |- RequestError        a REST request is refused; `status` is the HTTP status and Connect's error_code
    |  |- BadConfig    400
    |  |- NotFound     404
    |  `- Conflict     409
    `- TaskError           a task can't go on; its words become `trace` in the status
       |- Retriable        another try from the committed offsets may succeed (another writer was faster)
       `- BadRecord        a record was refused and errors.tolerance is none

Only app.py turns a RequestError into a response; only worker.py turns a TaskError into a state.
"""

from __future__ import annotations

from penstock.errors import PenstockError


class RequestError(PenstockError):
    status = 500


class BadConfig(RequestError):
    status = 400


class NotFound(RequestError):
    status = 404


class Conflict(RequestError):
    status = 409


class TaskError(PenstockError):
    pass


class Retriable(TaskError):
    pass


class BadRecord(TaskError):
    pass
