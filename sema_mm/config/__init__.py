"""Reads and changes a config: its hooks, its plan, its averaging."""
