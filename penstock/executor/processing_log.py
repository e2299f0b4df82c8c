"""The stream over the processing log, which every server has from its first start.

Its columns are ksqlDB's, and beside them partition and offset (and topic, where ksqlDB has none), which our
engine writes so that a record can be found and replayed.
"""

from __future__ import annotations

NAME = "KSQL_PROCESSING_LOG"

STATEMENT = """CREATE STREAM KSQL_PROCESSING_LOG (
  LOGGER STRING,
  LEVEL STRING,
  TIME BIGINT,
  MESSAGE STRUCT<
    TYPE INT,
    DESERIALIZATIONERROR STRUCT<
      TARGET STRING, ERRORMESSAGE STRING, RECORDB64 STRING, CAUSE ARRAY<STRING>, `topic` STRING,
      `partition` INT, `offset` BIGINT>,
    RECORDPROCESSINGERROR STRUCT<
      ERRORMESSAGE STRING, RECORD STRING, CAUSE ARRAY<STRING>, `topic` STRING,
      `partition` INT, `offset` BIGINT>,
    PRODUCTIONERROR STRUCT<ERRORMESSAGE STRING>,
    SERIALIZATIONERROR STRUCT<
      TARGET STRING, ERRORMESSAGE STRING, RECORD STRING, CAUSE ARRAY<STRING>, `topic` STRING>,
    KAFKASTREAMSTHREADERROR STRUCT<ERRORMESSAGE STRING, THREADNAME STRING, CAUSE ARRAY<STRING>>
  >
) WITH (KAFKA_TOPIC='default_ksql_processing_log', VALUE_FORMAT='JSON');"""
"""The engine creates the topic."""
