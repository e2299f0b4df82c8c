"""The records of the `_schemas` topic, in the format of Confluent's registry: JSON keys, JSON values.

In:  bytes of a record. Out: a frozen key and value; and the reverse.

    {"keytype":"SCHEMA","subject":"s","version":1,"magic":1}    {"subject","version","id","guid","schema",...}
    {"keytype":"CONFIG","subject":"s","magic":0}                {"compatibilityLevel":"FULL",...}
    {"keytype":"MODE","subject":"s","magic":0}                  {"mode":"READONLY"}
    {"keytype":"DELETE_SUBJECT","subject":"s","magic":0}        {"subject":"s","version":3}   versions up to 3
    {"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}         {"subject":"s"}     soft-deleted ones go
    {"keytype":"CONTEXT","tenant":"default","context":".c"}     {"tenant":"default","context":".c"}
    {"keytype":"NOOP","magic":0}                                null
    {"keytype":"ASSOC","tenant":"default","resourceName":"orders","resourceNamespace":"lkc-1",
     "resourceType":"topic","associationType":"value","subject":"orders-value","magic":0}
                                                {"guid",...,"lifecycle":"STRONG","frozen":false,"createTs":1}

The topic is compacted: the last record of a key stands, a null value takes it away. Members unknown here
are passed over, so that a topic of a later release can be read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schema_registry.association_index import Association
from schema_registry.association_index import Key as AssociationKey
from schema_registry.content import Content, Metadata, RuleSet, as_json, content
from schema_registry.schemas import AVRO, Reference

SCHEMA, CONFIG, MODE = "SCHEMA", "CONFIG", "MODE"
DELETE_SUBJECT, CLEAR_SUBJECT, CONTEXT, NOOP = "DELETE_SUBJECT", "CLEAR_SUBJECT", "CONTEXT", "NOOP"
ASSOC = "ASSOC"
TENANT = "default"
MAGIC = {SCHEMA: 1}


class Key(msgspec.Struct, frozen=True, rename="camel"):
    keytype: str
    subject: str | None = None
    version: int | None = None
    context: str | None = None
    resource_name: str | None = None
    resource_namespace: str | None = None
    resource_type: str | None = None
    association_type: str | None = None


class SchemaValue(msgspec.Struct, frozen=True, rename="camel"):
    subject: str
    version: int
    id: int
    schema: str
    schema_type: str | None = None
    references: list[Reference] | None = None
    metadata: Metadata | None = None
    rule_set: RuleSet | None = None
    deleted: bool = False
    guid: str | None = None

    def content(self) -> Content:
        return content(
            self.schema, self.schema_type or AVRO, tuple(self.references or ()), self.metadata, self.rule_set
        )


class ModeValue(msgspec.Struct, frozen=True):
    mode: str
    subject: str | None = None


class DeleteValue(msgspec.Struct, frozen=True):
    subject: str
    version: int


read_key = msgspec.json.Decoder(Key).decode
read_schema = msgspec.json.Decoder(SchemaValue).decode
read_mode = msgspec.json.Decoder(ModeValue).decode
read_delete = msgspec.json.Decoder(DeleteValue).decode
read_association = msgspec.json.Decoder(Association).decode
read_members = msgspec.json.Decoder(dict[str, Any]).decode


def write(members: dict[str, Any]) -> bytes:
    return msgspec.json.encode(members)


def schema_key(subject: str, version: int) -> bytes:
    return write({"keytype": SCHEMA, "subject": subject, "version": version, "magic": 1})


def subject_key(keytype: str, subject: str | None) -> bytes:
    """Key of CONFIG, MODE, DELETE_SUBJECT, CLEAR_SUBJECT; the global config and mode have no subject."""
    return write({"keytype": keytype, "subject": subject or None, "magic": 0})


def context_key(context: str) -> bytes:
    return write({"keytype": CONTEXT, "tenant": TENANT, "context": context, "magic": 0})


def context_value(context: str) -> bytes:
    return write({"tenant": TENANT, "context": context})


def association_key(key: AssociationKey) -> bytes:
    name, namespace, resource_type, association_type, subject = key
    return write(
        {
            "keytype": ASSOC,
            "tenant": TENANT,
            "resourceName": name,
            "resourceNamespace": namespace,
            "resourceType": resource_type,
            "associationType": association_type,
            "subject": subject,
            "magic": 0,
        }
    )


def association_value(one: Association) -> bytes:
    """The time of the last change is the record's own."""
    members = {name: value for name, value in one.members.items() if name != "updateTs"}
    return write({**members, "tenant": TENANT})


def noop_key() -> bytes:
    return write({"keytype": NOOP, "magic": 0})


def schema_value(subject: str, version: int, id: int, what: Content, deleted: bool) -> bytes:
    members: dict[str, Any] = {"subject": subject, "version": version, "id": id, "guid": what.guid}
    if what.kind != AVRO:
        members["schemaType"] = what.kind
    if what.references:
        members["references"] = [msgspec.to_builtins(one) for one in what.references]
    if what.metadata is not None:
        members["metadata"] = as_json(what.metadata)
    if what.rules is not None:
        members["ruleSet"] = as_json(what.rules)
    return write({**members, "schema": what.text, "deleted": deleted})


def mode_value(subject: str | None, mode: str) -> bytes:
    return write({"subject": subject or None, "mode": mode})


def delete_value(subject: str, version: int) -> bytes:
    return write({"subject": subject, "version": version})
