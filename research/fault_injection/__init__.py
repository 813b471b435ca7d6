"""Fault injection: trainings killed at random moments and resumed."""
