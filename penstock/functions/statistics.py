"""STDDEV_SAMP, STDDEV_SAMPLE and CORRELATION: sums that say how values spread.

The spread is kept by Youngs and Cramer's update (count, sum, sum of squared differences), as ksqlDB keeps it.
"""

from __future__ import annotations

import math

from penstock.functions.aggregates import WRAP_HELPERS, WRAPS, ZEROS, Kinds, Literals, when_known
from penstock.functions.registry import Recipe, Slot, aggregate
from penstock.types import BIGINT, DOUBLE, INTEGER, python_type

SQUARES = "{s2} SIGN= ({s1} * {x0} - {s0}) ** 2 / ({s1} * ({s1} - 1))"


def spread(kinds: Kinds, result: str) -> Recipe:
    """Slots: the sum (in the type of the values), the count, the sum of squared differences from the mean."""
    kind = kinds[0]
    grow = "if {s1} > 1:\n    " + SQUARES.replace("SIGN", "+")
    shrink = "if {s1} > 1:\n    " + SQUARES.replace("SIGN", "-")
    return Recipe(
        (Slot(ZEROS[kind], python_type(kind)), Slot("0", int), Slot("0.0", float)),
        add=when_known("{s0} += {x0}", "{s1} += 1", WRAPS[kind], grow),
        undo=when_known(shrink, "{s0} -= {x0}", "{s1} -= 1", WRAPS[kind]),
        merge="{s2} = agg_spread_merge({s0}, {s1}, {s2}, {t0}, {t1}, {t2})\n{s0} += {t0}\n{s1} += {t1}",
        result=result,
        helpers={**WRAP_HELPERS, "agg_spread_merge": spread_merge, "agg_sqrt": math.sqrt},
    )


def spread_merge(sum_a: float, n_a: int, m_a: float, sum_b: float, n_b: int, m_b: float) -> float:
    if not n_a or not n_b:
        return m_a + m_b
    between = (n_b / n_a * sum_a - sum_b) ** 2 * n_a / (n_b * (n_a + n_b))
    return m_a + m_b + between


VARIANCE = "({s2} / ({s1} - 1) if {s1} > 1 else 0.0)"


@aggregate("STDDEV_SAMP", BIGINT, returns=DOUBLE)
@aggregate("STDDEV_SAMP", INTEGER, returns=DOUBLE)
@aggregate("STDDEV_SAMP", DOUBLE, returns=DOUBLE)
def sample_variance(kinds: Kinds, literals: Literals) -> Recipe:
    """The sample variance. ksqlDB calls it a deviation but takes no root; STDDEV_SAMPLE does."""
    return spread(kinds, VARIANCE)


@aggregate("STDDEV_SAMPLE", BIGINT, returns=DOUBLE)
@aggregate("STDDEV_SAMPLE", INTEGER, returns=DOUBLE)
@aggregate("STDDEV_SAMPLE", DOUBLE, returns=DOUBLE)
def sample_deviation(kinds: Kinds, literals: Literals) -> Recipe:
    """The sample standard deviation; 0.0 below two values."""
    return spread(kinds, f"agg_sqrt({VARIANCE})")


@aggregate("CORRELATION", DOUBLE, DOUBLE, returns=DOUBLE)
@aggregate("CORRELATION", INTEGER, INTEGER, returns=DOUBLE)
@aggregate("CORRELATION", BIGINT, BIGINT, returns=DOUBLE)
def correlation(kinds: Kinds, literals: Literals) -> Recipe:
    """Pearson's correlation of two columns; NaN below two rows or without variance."""
    terms = ("1", "{x0}", "{x1}", "{x0} * {x0}", "{x1} * {x1}", "{x0} * {x1}")
    both = "if {x0} is not None and {x1} is not None:\n"

    def change(sign: str) -> str:
        return both + "\n".join(f"    {{s{at}}} {sign}= {term}" for at, term in enumerate(terms))

    return Recipe(
        (Slot("0", int), *(Slot("0.0", float) for _ in terms[1:])),
        add=change("+"),
        undo=change("-"),
        merge="\n".join(f"{{s{at}}} += {{t{at}}}" for at in range(len(terms))),
        result="agg_pearson(" + ", ".join(f"{{s{at}}}" for at in range(len(terms))) + ")",
        helpers={"agg_pearson": pearson},
    )


def pearson(n: int, x: float, y: float, xx: float, yy: float, xy: float) -> float:
    spread_x, spread_y = n * xx - x * x, n * yy - y * y
    if n < 2 or spread_x <= 0 or spread_y <= 0:
        return math.nan
    return (n * xy - x * y) / math.sqrt(spread_x * spread_y)
