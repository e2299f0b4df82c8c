"""The topics of the pipeline's inputs, with their settings.

In:  a log. Out: the topics that were missing are there; one that exists is left as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.errors import TopicExists
from penstock.topics.base import Log

TRANSACTIONS = "retail-transactions"
PRODUCTS = "products"
COUNTRIES = "countries"
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class TopicPlan:
    name: str
    partitions: int
    config: Mapping[str, str]


def kept_for(days: int) -> dict[str, str]:
    return {"retention.ms": str(days * DAY_MS)}


# The reference topics have as many partitions as the transactions, so that both sides of a join by key meet.
TOPICS = (
    TopicPlan(TRANSACTIONS, 12, {**kept_for(7), "compression.type": "snappy"}),
    TopicPlan("customer-events", 6, kept_for(30)),
    TopicPlan("streaming-errors", 3, kept_for(90)),
    TopicPlan("system-events", 3, kept_for(30)),
    TopicPlan(PRODUCTS, 12, {"cleanup.policy": "compact"}),
    TopicPlan(COUNTRIES, 12, {"cleanup.policy": "compact"}),
)


def ensure_topics(log: Log) -> list[str]:
    """The names of the topics that were created."""
    created = []
    for plan in TOPICS:
        if log.topic(plan.name) is None:
            # Another process may create it between the look and the call; either way it is there.
            with contextlib.suppress(TopicExists):
                log.create_topic(plan.name, plan.partitions, plan.config)
                created.append(plan.name)
    return created
