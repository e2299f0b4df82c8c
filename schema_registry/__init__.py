"""A schema registry with Confluent's REST API, kept in one compacted topic: no Kafka and no JVM needed.

service.py -> app.py -> registry.py -> store.py -> the topic `_schemas`
                          |
                          `-> kinds.py: avro.py, json_schema.py, protobuf.py   (schemas.py: their promise)
"""
