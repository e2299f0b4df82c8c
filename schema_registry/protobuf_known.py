"""Files that ship with every Protobuf or with Confluent's registry: they may be imported without a reference.

In:  nothing. Out: KNOWN, the messages and enums of each file. Their fields never change, so none are listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

META_FILE = "confluent/meta.proto"
DESCRIPTOR_FILE = "google/protobuf/descriptor.proto"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """`enums` and `messages` are names within the package, nested ones with dots."""

    package: str
    messages: tuple[str, ...]
    enums: tuple[str, ...] = ()


def google(*messages: str, enums: tuple[str, ...] = ()) -> KnownFile:
    return KnownFile("google.protobuf", messages, enums)


def common(message: str = "", enums: tuple[str, ...] = ()) -> KnownFile:
    return KnownFile("google.type", (message,) if message else (), enums)


OPTIONS = ("File", "Message", "Field", "Oneof", "Enum", "EnumValue", "Service", "Method", "ExtensionRange")
DESCRIPTOR = google(
    "FileDescriptorSet",
    "FileDescriptorProto",
    "DescriptorProto",
    "DescriptorProto.ExtensionRange",
    "DescriptorProto.ReservedRange",
    "FieldDescriptorProto",
    "OneofDescriptorProto",
    "EnumDescriptorProto",
    "EnumDescriptorProto.EnumReservedRange",
    "EnumValueDescriptorProto",
    "ServiceDescriptorProto",
    "MethodDescriptorProto",
    *(f"{option}Options" for option in OPTIONS),
    "UninterpretedOption",
    "UninterpretedOption.NamePart",
    "SourceCodeInfo",
    "SourceCodeInfo.Location",
    "GeneratedCodeInfo",
    "GeneratedCodeInfo.Annotation",
    "FeatureSet",
    "FeatureSetDefaults",
    enums=(
        "Edition",
        "FieldDescriptorProto.Type",
        "FieldDescriptorProto.Label",
        "FileOptions.OptimizeMode",
        "FieldOptions.CType",
        "FieldOptions.JSType",
        "MethodOptions.IdempotencyLevel",
    ),
)
WRAPPED = ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")

KNOWN: Mapping[str, KnownFile] = {
    "google/protobuf/any.proto": google("Any"),
    "google/protobuf/api.proto": google("Api", "Method", "Mixin"),
    DESCRIPTOR_FILE: DESCRIPTOR,
    "google/protobuf/duration.proto": google("Duration"),
    "google/protobuf/empty.proto": google("Empty"),
    "google/protobuf/field_mask.proto": google("FieldMask"),
    "google/protobuf/source_context.proto": google("SourceContext"),
    "google/protobuf/struct.proto": google("Struct", "Value", "ListValue", enums=("NullValue",)),
    "google/protobuf/timestamp.proto": google("Timestamp"),
    "google/protobuf/type.proto": google(
        "Type",
        "Field",
        "Enum",
        "EnumValue",
        "Option",
        enums=("Syntax", "Field.Kind", "Field.Cardinality"),
    ),
    "google/protobuf/wrappers.proto": google(*(f"{name}Value" for name in WRAPPED)),
    "google/type/calendar_period.proto": common(enums=("CalendarPeriod",)),
    "google/type/color.proto": common("Color"),
    "google/type/date.proto": common("Date"),
    "google/type/datetime.proto": KnownFile("google.type", ("DateTime", "TimeZone")),
    "google/type/dayofweek.proto": common(enums=("DayOfWeek",)),
    "google/type/decimal.proto": common("Decimal"),
    "google/type/expr.proto": common("Expr"),
    "google/type/fraction.proto": common("Fraction"),
    "google/type/interval.proto": common("Interval"),
    "google/type/latlng.proto": common("LatLng"),
    "google/type/localized_text.proto": common("LocalizedText"),
    "google/type/money.proto": common("Money"),
    "google/type/month.proto": common(enums=("Month",)),
    "google/type/phone_number.proto": KnownFile("google.type", ("PhoneNumber", "PhoneNumber.ShortCode")),
    "google/type/postal_address.proto": common("PostalAddress"),
    "google/type/quaternion.proto": common("Quaternion"),
    "google/type/timeofday.proto": common("TimeOfDay"),
    META_FILE: KnownFile("confluent", ("Meta", "Rule")),
    "confluent/type/decimal.proto": KnownFile("confluent.type", ("Decimal",)),
}
