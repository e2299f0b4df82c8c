"""Scoring: customers' value by recency, frequency and money in, their segment with a confidence out."""
