"""All declarations in one list: importing this fills the register."""

from penstock.functions import (
    aggregates,
    collectors,
    conditional,
    distinct,
    masks,
    numbers,
    octets,
    offsets,
    regexes,
    statistics,
    text,
    times,
)

DECLARATIONS = (
    aggregates,
    collectors,
    conditional,
    distinct,
    masks,
    numbers,
    octets,
    offsets,
    regexes,
    statistics,
    text,
    times,
)
