"""No averaging."""

custom_hooks = []
