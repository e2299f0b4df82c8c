"""Names that go over the wire: internal topics, ids of commands and queries, consumer groups.

In:  a service id and the number of a command. Out: the spelling ksqlDB gives it, so that tools which know
     ksqlDB find what they look for. No state.

    command topic    | 0: processing log | 1: CREATE STREAM S | 2: CREATE STREAM T AS ...
    sequence number           0                   2                    4            two offsets each,
    query id                                                     CSAS_T_3           as in Kafka
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.errors import StatementError
from penstock.types import quote

SOURCE_NAME = re.compile(r"[a-zA-Z0-9_-]+\Z")
HIDDEN_TOPICS = (
    "_confluent.*,__confluent.*,_schemas,__consumer_offsets,__transaction_state,"
    "connect-configs,connect-offsets,connect-status,connect-statuses"
)
HIDDEN_TOPIC = re.compile("(?:" + "|".join(HIDDEN_TOPICS.split(",")) + r")\Z")
RESERVED_QUERY_PREFIXES = ("CTAS_", "CSAS_", "CST_", "INSERTQUERY_")


@dataclass(frozen=True, slots=True)
class Naming:
    """All names of one service; the default service id is ksqlDB's."""

    service_id: str = "default_"

    @property
    def command_topic(self) -> str:
        return f"_confluent-ksql-{self.service_id}_command_topic"

    @property
    def processing_log_topic(self) -> str:
        return f"{self.service_id}ksql_processing_log"

    def group(self, query_id: str) -> str:
        """The consumer group of a persistent query, which also prefixes its internal topics."""
        return f"_confluent-ksql-{self.service_id}query_{query_id}"

    def transient_group(self, query_id: str) -> str:
        return f"_confluent-ksql-{self.service_id}transient_{query_id}"


def sequence_number(ordinal: int) -> int:
    """The public number of the n-th command: a command and its commit marker take two offsets in Kafka."""
    return 2 * ordinal


def query_number(ordinal: int) -> int:
    """The number in a query id: one past the last offset before the command that starts it."""
    return max(2 * ordinal - 1, 0)


def command_id(kind: str, name: str, action: str) -> str:
    """`stream/`ORDERS`/create`: names of sources being created are quoted, all others stand bare."""
    shown = quote(name) if action == "create" and kind != "type" else name
    return f"{kind.lower()}/{shown}/{action}"


def check_source_name(name: str) -> None:
    if not SOURCE_NAME.match(name):
        raise StatementError(
            f"Invalid source name '{name}'. Names of streams and tables may hold letters, digits, '_' "
            "and '-'."
        )


def check_query_id(query_id: str) -> str:
    """A query id chosen by the user, as it is kept: upper case."""
    chosen = query_id.upper()
    if not re.match(r"[A-Z0-9_]+\Z", chosen):
        raise StatementError(f"Query IDs may contain only alphanumeric characters and '_'. Got: '{query_id}'")
    if chosen.startswith(RESERVED_QUERY_PREFIXES):
        raise StatementError(
            "Query IDs must not start with a reserved query ID prefix "
            f"({', '.join(RESERVED_QUERY_PREFIXES)}). "
            f"Got: '{query_id}'"
        )
    return chosen


def is_hidden(topic: str) -> bool:
    """Internal topics that SHOW TOPICS leaves out."""
    return HIDDEN_TOPIC.match(topic) is not None


def folded(text: str) -> str:
    """An identifier that came as a string: upper case unless it is quoted."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in '`"':
        return text[1:-1].replace(text[0] * 2, text[0])
    return text.upper()
