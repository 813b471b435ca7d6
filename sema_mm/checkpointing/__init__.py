"""Checkpoints that survive a stop: whole files, safe loading, exact state."""
