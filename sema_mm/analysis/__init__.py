"""Measurements of models and of runs."""
