"""Checkpoints of other libraries: how they are read, changed, written."""
