"""Sidecars: services that read topics and write topics, and know the engine by the log alone."""
