"""The data set goes to its topic, row by row in the order of the file, clean or with dirt mixed in.

In:  data/online-retail.csv.gz and a topic log. Out: topics with records, and what was sent.

    file --rows--> transactions --dirt--> records --send, in batches--> retail-transactions
     |
     `--reference--> products, countries (compacted, sent before)
"""

from penstock.replay.rows import Transaction, clean_rows
from penstock.replay.send import ReplaySummary, replay, send_reference
from penstock.replay.topics import TRANSACTIONS, ensure_topics

__all__ = [
    "TRANSACTIONS",
    "ReplaySummary",
    "Transaction",
    "clean_rows",
    "ensure_topics",
    "replay",
    "send_reference",
]
