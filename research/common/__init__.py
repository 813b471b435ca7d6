"""Rows, tables, logs and environments, for all claims."""
