"""The syntax tree: frozen nodes, as the text has them, names and types not yet looked up.

In:  the parser makes them. Out: the analyser reads them, the printer writes them back canonically.

Identifiers are already folded: unquoted names are upper case, quoted ones as written. Nodes compare by
value without their position, so that equal expressions are one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from penstock.errors import Position as Position
from penstock.language.ast_expressions import (
    NOWHERE as NOWHERE,
)
from penstock.language.ast_expressions import (
    Arithmetic as Arithmetic,
)
from penstock.language.ast_expressions import (
    ArrayConstructor as ArrayConstructor,
)
from penstock.language.ast_expressions import (
    Between as Between,
)
from penstock.language.ast_expressions import (
    Boolean as Boolean,
)
from penstock.language.ast_expressions import (
    Call as Call,
)
from penstock.language.ast_expressions import (
    Case as Case,
)
from penstock.language.ast_expressions import (
    Cast as Cast,
)
from penstock.language.ast_expressions import (
    Comparison as Comparison,
)
from penstock.language.ast_expressions import (
    DecimalLiteral as DecimalLiteral,
)
from penstock.language.ast_expressions import (
    Dereference as Dereference,
)
from penstock.language.ast_expressions import (
    Double as Double,
)
from penstock.language.ast_expressions import (
    Expression as Expression,
)
from penstock.language.ast_expressions import (
    In as In,
)
from penstock.language.ast_expressions import (
    Integer as Integer,
)
from penstock.language.ast_expressions import (
    IntervalUnit as IntervalUnit,
)
from penstock.language.ast_expressions import (
    IsNull as IsNull,
)
from penstock.language.ast_expressions import (
    Lambda as Lambda,
)
from penstock.language.ast_expressions import (
    Like as Like,
)
from penstock.language.ast_expressions import (
    Logical as Logical,
)
from penstock.language.ast_expressions import (
    MapConstructor as MapConstructor,
)
from penstock.language.ast_expressions import (
    Name as Name,
)
from penstock.language.ast_expressions import (
    Negate as Negate,
)
from penstock.language.ast_expressions import (
    Node as Node,
)
from penstock.language.ast_expressions import (
    Not as Not,
)
from penstock.language.ast_expressions import (
    Null as Null,
)
from penstock.language.ast_expressions import (
    String as String,
)
from penstock.language.ast_expressions import (
    StructConstructor as StructConstructor,
)
from penstock.language.ast_expressions import (
    Subscript as Subscript,
)
from penstock.language.ast_expressions import (
    When as When,
)
from penstock.types import SqlType

# --- queries -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SelectItem(Node):
    """expression [AS alias]"""

    expression: Expression
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class SelectStar(Node):
    """`*` or `source.*`"""

    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class SelectStructStar(Node):
    """struct->*"""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Relation(Node):
    """A source with its alias (the name itself when none is given)."""

    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class Within(Node):
    """WITHIN of a stream-stream join, milliseconds."""

    before_ms: int
    after_ms: int
    grace_ms: int | None = None
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Join(Node):
    """kind: INNER LEFT RIGHT OUTER (full)"""

    kind: str
    right: Relation
    criteria: Expression
    within: Within | None = None


@dataclass(frozen=True, slots=True)
class Window(Node):
    """kind: TUMBLING HOPPING SESSION. For SESSION `size_ms` is the gap of inactivity."""

    kind: str
    size_ms: int
    advance_ms: int | None = None
    grace_ms: int | None = None
    retention_ms: int | None = None
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Query(Node):
    """emit: None (pull), CHANGES, FINAL; in CREATE .. AS and INSERT it is always set.

    partition_by and group_by are None when the clause is absent.
    """

    select: tuple[SelectItem | SelectStar | SelectStructStar, ...]
    source: Relation
    joins: tuple[Join, ...] = ()
    window: Window | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] | None = None
    partition_by: tuple[Expression, ...] | None = None
    having: Expression | None = None
    emit: str | None = None
    limit: int | None = None


# --- statements --------------------------------------------------------------------------------------

Properties = tuple[tuple[str, Any], ...]
"""WITH (...): names in upper case, values as Python values (str, int, bool, float, Decimal)."""


@dataclass(frozen=True, slots=True)
class Statement(Node):
    pass


@dataclass(frozen=True, slots=True)
class Element(Node):
    """A column of CREATE. role: VALUE, KEY, PRIMARY KEY, HEADERS, HEADER (then header_key)."""

    name: str
    type: SqlType
    role: str = "VALUE"
    header_key: str | None = None


@dataclass(frozen=True, slots=True)
class CreateSource(Statement):
    """kind: STREAM TABLE"""

    kind: str
    name: str
    elements: tuple[Element, ...]
    properties: Properties
    or_replace: bool = False
    if_not_exists: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class CreateAs(Statement):
    """CREATE STREAM|TABLE AS SELECT"""

    kind: str
    name: str
    properties: Properties
    query: Query
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class InsertSelect(Statement):
    target: str
    query: Query
    properties: Properties = ()
    target_at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class InsertValues(Statement):
    target: str
    columns: tuple[str, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Select(Statement):
    query: Query


@dataclass(frozen=True, slots=True)
class DropSource(Statement):
    kind: str
    name: str
    if_exists: bool = False
    delete_topic: bool = False


@dataclass(frozen=True, slots=True)
class AlterSource(Statement):
    kind: str
    name: str
    added: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class CreateType(Statement):
    name: str
    type: SqlType
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropType(Statement):
    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class QueryControl(Statement):
    """action: TERMINATE PAUSE RESUME; query_id None for ALL."""

    action: str
    query_id: str | None


@dataclass(frozen=True, slots=True)
class CreateConnector(Statement):
    """kind: SOURCE SINK. Property names keep their case."""

    kind: str
    name: str
    properties: Properties
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropConnector(Statement):
    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class Show(Statement):
    """what: PROPERTIES TOPICS STREAMS TABLES QUERIES FUNCTIONS CONNECTORS 'CONNECTOR PLUGINS' TYPES VARIABLES

    `every` is SHOW ALL TOPICS, `connector_kind` SOURCE or SINK of SHOW SINK CONNECTORS.
    """

    what: str
    extended: bool = False
    every: bool = False
    connector_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Describe(Statement):
    """what: SOURCE STREAMS TABLES FUNCTION CONNECTOR"""

    what: str
    name: str | None
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Explain(Statement):
    """Either a statement that holds a query, with its text as written, or the id of a running one."""

    statement: Statement | None
    query_id: str | None = None
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PrintTopic(Statement):
    topic: str
    from_beginning: bool = False
    interval: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SetProperty(Statement):
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class UnsetProperty(Statement):
    name: str


@dataclass(frozen=True, slots=True)
class AlterSystem(Statement):
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Define(Statement):
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Undefine(Statement):
    name: str


@dataclass(frozen=True, slots=True)
class AssertTopic(Statement):
    topic: str
    properties: Properties = ()
    timeout_ms: int | None = None
    exists: bool = True


@dataclass(frozen=True, slots=True)
class AssertSchema(Statement):
    subject: str | None
    schema_id: int | None
    timeout_ms: int | None = None
    exists: bool = True


@dataclass(frozen=True, slots=True)
class AssertValues(Statement):
    """ASSERT VALUES and, with `tombstone`, ASSERT NULL VALUES (test files only)."""

    source: str
    columns: tuple[str, ...]
    values: tuple[Expression, ...]
    tombstone: bool = False


@dataclass(frozen=True, slots=True)
class AssertSource(Statement):
    """ASSERT STREAM|TABLE (test files only)"""

    kind: str
    name: str
    elements: tuple[Element, ...]
    properties: Properties


@dataclass(frozen=True, slots=True)
class RunScript(Statement):
    path: str


def _kinds(base: type[Node]) -> frozenset[type[Node]]:
    named = (each for each in globals().values() if isinstance(each, type))
    return frozenset(each for each in named if issubclass(each, base) and each is not base)


EXPRESSIONS = _kinds(Expression)
STATEMENTS = _kinds(Statement)
"""Every kind there is: a table over them is checked against these when the program starts."""
