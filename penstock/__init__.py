"""Penstock: ksqlDB pipelines from Python. ARCHITECTURE.md draws the rooms; imports only point down."""

__version__ = "0.1.0"
