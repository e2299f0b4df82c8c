"""All declarations in one list: importing this fills the register."""

from penstock.functions import (
    conditional,
    masks,
    numbers,
    octets,
    regexes,
    text,
)

DECLARATIONS = (conditional, masks, numbers, octets, regexes, text)
