"""Cases: what goes in and what has to come out, as data, run through the product itself.

In:  files in the format of ksqlDB's query translation tests, and files of expressions with their values.
Out: for each case passed, failed with a difference, or skipped with a reason.

    file.py --Case--> drive.py --records--> compare.py --Result--> runner.py (processes) --> `penstock test`
              session.py: statements -> world, engine        payloads.py: JSON <-> bytes of a topic
"""
