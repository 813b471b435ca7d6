"""The hooks of no averaging, EMA and SEMA."""
