"""Faults and bad input: what a user is told, and what is left.

Each case provokes one, states the sentence and says what must still be true.
docs/en/faults.md is the table of them; write it anew with
``python -m tests.integration.faults``.
"""
