"""Carries out statements: from text to a changed catalog, running queries and an answer.

In:  the text of a request, its properties and variables. Out: entities, or rows of a query.

    text --parser--> nodes --decide--> Decision(world', effects, entity) --perform--> log, engine
                                |           pure: also used to try a whole request out first
                                `-- answers.py for what only reads

`executor.py` is the door. What a statement changes is decided by values and performed in one place.
"""
