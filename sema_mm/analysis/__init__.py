"""Measurements on models, their losses and their logs."""
