"""Configs in pure Python, for ``with read_base():``."""
