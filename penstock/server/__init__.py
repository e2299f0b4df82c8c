"""ksqlDB's REST API over the executor: statements, queries, inserts, health, metrics."""
