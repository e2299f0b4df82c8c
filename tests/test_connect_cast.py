"""The fast way of delta/cast.py may accept only what the slow way accepts, with the same values.

Thousands of generated payloads, most of them nearly right, go both ways. They run in a process of their own,
because what is guarded against here includes an input that ends the process.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")

from connect.converters import converter
from connect.delta.cast import Cast, Caster, Unknown
from connect.delta.columns import declared

COLUMNS = declared(
    "i INT, l BIGINT, f DOUBLE, s STRING, b BOOLEAN, m DECIMAL(6,2), d DATE, ts TIMESTAMP, a ARRAY<BIGINT>"
)
SCALARS = r"""
1 -1 0 7 2.5 -0.0 1.0 1e3 1E-2 1e400 -1e400 1.7976931348623157e308 1.7976931348623159e308 5e-324 1e-400
2147483647 2147483648 -2147483649 9223372036854775807 9223372036854775808 -9223372036854775809 1234.567
253402300799999 253402300800000 -62135596800000 -62135596800001 2932896 2932897 -719162 -719163 1234.56
99999.99 0.10 9007199254740993 "7" "" "x" "1.5" "NaN" "Infinity" "\u0041" "\ud800" "\u0000" "é" "😀"
true false null [] [1] [1,null] [2.5] ["x"] [[1]] {} {"x":1} NaN Infinity -Infinity nul 01 +1 .5 5. 'x' //
""".split()  # noqa: SIM905
SCALARS += ['"a\tb"', "undefined"]
NAMES = ["I", "L", "F", "S", "B", "M", "D", "TS", "A"]
GLUE = [*'\n{},["\\\x00\xff', "", "", "", "", "", " ", "null", "}{", "}\n{"]
ROUNDS = 4000


def payload(chance: random.Random) -> bytes:
    names = chance.sample(NAMES, chance.randint(0, 4))
    if chance.random() < 0.1:
        names.append(chance.choice(["i", "I", "Z", "ts", "", "A"]))
    text = "{" + ",".join(f'"{name}":{chance.choice(SCALARS)}' for name in names) + "}"
    if chance.random() < 0.15:
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(GLUE) + text[at:]
    return text.encode("latin-1" if "\xff" in text and max(text) == "\xff" else "utf-8")


def told(cast: Cast) -> Any:
    return repr(cast.table.to_pylist()), list(cast.places), list(cast.refusals)


def differences(seed: int, rounds: int) -> list[str]:
    """Each round makes two casters that saw the same; one of them is not allowed to be fast."""
    chance = random.Random(seed)
    json = converter({}, "value.converter", ("JsonConverter", False))
    found = []
    for _ in range(rounds):
        unknown: Unknown = "ignore" if chance.random() < 0.3 else "error"
        fast, slow = Caster(COLUMNS, json, unknown), Caster(COLUMNS, json, unknown)
        slow._fast = False
        payloads = [payload(chance) for _ in range(chance.choice([1, 1, 1, 2, 5]))]
        if told(fast.read(payloads)) != told(slow.read(payloads)):
            found.append(f"{unknown} {payloads!r}")
    return found


def test_fast_is_slow() -> None:
    done = subprocess.run(
        [sys.executable, __file__, "1"],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).resolve().parent.parent,
        env={"PYTHONPATH": str(Path(__file__).resolve().parent.parent), "PATH": ""},
    )
    assert (done.returncode, done.stdout, done.stderr[-2000:]) == (0, "", "")


def test_slow_rows_keep_their_places() -> None:
    json = converter({}, "value.converter", ("JsonConverter", False))
    caster = Caster(declared("n INT"), json, "error")
    payloads = [b'{"N":%d}' % n for n in range(5000)]
    payloads[2500] = b'{"N":2.5}'
    payloads[4999] = b"{"
    found = caster.read(payloads)
    assert [place for place, _ in found.refusals] == [2500, 4999]
    assert found.table.column("n").to_pylist() == list(found.places)


if __name__ == "__main__":
    for line in differences(int(sys.argv[1]), ROUNDS):
        print(line)
