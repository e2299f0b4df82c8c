"""Rows of the data set: read from the file, checked, and written as the JSON that goes to the topic.

In:  online-retail.csv.gz. Out: transactions in the order of the file, or their keys and values as bytes.

    536365,85123A,WHITE ...,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
    {"transaction_id":"536365-1","customer_id":"17850","product_id":"85123A","quantity":6,"unit_price":2.55,
     "transaction_date":"2010-12-01T08:26:00","country":"United Kingdom"}

The line number within the invoice makes the id: one invoice's lines need not stand together. The text of a
price is passed through as it stands in the file.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.errors import RecordError, SettingError

HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
FILE_NAME = "online-retail.csv.gz"
DATA_SET_ROWS = 541_909
DATA_FOLDERS = (Path(__file__).resolve().parents[2] / "data", Path("data"))
TEXTS_KEPT = 65_536

QUANTITY = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
PRICE = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\Z")
CUSTOMER = re.compile(r"([0-9]+)(?:\.0)?\Z")
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z")


class Transaction(NamedTuple):
    """One line of an invoice."""

    transaction_id: str
    customer_id: str | None
    product_id: str
    quantity: int
    unit_price: float
    transaction_date: str
    country: str


class Record(NamedTuple):
    """A transaction as it goes to the topic, with the time it happened."""

    key: bytes
    value: bytes
    date: str


def data_file(name: str = FILE_NAME) -> Path:
    """A file of the data folder: beside the package, or where the process runs."""
    found = next((folder / name for folder in DATA_FOLDERS if (folder / name).exists()), None)
    if found is None:
        looked = " or ".join(str(folder) for folder in DATA_FOLDERS)
        raise SettingError(f"{name} is not in {looked}. Name the file of transactions with --file.")
    return found


def file_rows(path: Path) -> Iterator[list[str]]:
    """The fields of each row; raises SettingError when the file is not the data set."""
    if not path.exists():
        raise SettingError(f"There is no file {path}.")
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as text:
        reader = csv.reader(text)
        header = next(reader, None)
        if header != HEADER:
            raise SettingError(f"{path} does not begin with the columns {', '.join(HEADER)}.")
        yield from reader


def row_count(path: Path | None = None) -> int:
    """The rows of the data set are known; those of another file are counted."""
    return DATA_SET_ROWS if path is None else sum(1 for _ in file_rows(path))


def clean_rows(path: Path | None = None) -> Iterator[Transaction]:
    """Every row as values, for whoever wants to know what the topic must hold."""
    for record in clean_records(path):
        fields = msgspec.json.decode(record.value)
        yield Transaction(**fields)


def clean_records(path: Path | None = None) -> Iterator[Record]:
    """Every row as the bytes of its record."""
    source = path or data_file()
    lines: dict[str, int] = defaultdict(int)
    for position, row in enumerate(file_rows(source), 2):
        try:
            invoice, product, _, quantity, date, price, customer, country = row
            lines[invoice] += 1
            transaction_id = f"{invoice}-{lines[invoice]}"
            at = iso_date(date)
            text = (
                f'{{"transaction_id":{id_text(transaction_id)},"customer_id":{customer_text(customer)},'
                f'"product_id":{json_text(product)},"quantity":{quantity_text(quantity)},'
                f'"unit_price":{price_text(price)},"transaction_date":"{at}","country":{json_text(country)}}}'
            )
        except ValueError as problem:
            raise RecordError(f"{source} line {position}: {problem}") from problem
        yield Record(transaction_id.encode(), text.encode(), at)


def id_text(transaction_id: str) -> str:
    """Ids are met once each, so they are not kept; plain ones need no escaping."""
    return f'"{transaction_id}"' if PLAIN_ID.match(transaction_id) else json_text(transaction_id)


PLAIN_ID = re.compile(r"[A-Za-z0-9]+-[0-9]+\Z")


@lru_cache(TEXTS_KEPT)
def json_text(text: str) -> str:
    return msgspec.json.encode(text).decode()


@lru_cache(TEXTS_KEPT)
def quantity_text(text: str) -> str:
    if not QUANTITY.match(text):
        raise ValueError(f"'{text}' is no whole quantity.")
    return text


@lru_cache(TEXTS_KEPT)
def price_text(text: str) -> str:
    if not PRICE.match(text):
        raise ValueError(f"'{text}' is no price.")
    return text


@lru_cache(TEXTS_KEPT)
def customer_text(text: str) -> str:
    """Digits: the file writes 17850.0, because its column has holes."""
    if not text:
        return "null"
    digits = CUSTOMER.match(text)
    if digits is None:
        raise ValueError(f"'{text}' is no customer number.")
    return f'"{digits[1]}"'


@lru_cache(TEXTS_KEPT)
def iso_date(text: str) -> str:
    if not DATE.match(text):
        raise ValueError(f"'{text}' is no date and time like 2010-12-01 08:26:00.")
    return text.replace(" ", "T")
