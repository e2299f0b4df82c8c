"""Rows rest here: what a topic log promises (base.py), and the logs that keep the promise."""
