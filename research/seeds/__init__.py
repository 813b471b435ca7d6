"""A config trained with several seeds: mean and spread."""
