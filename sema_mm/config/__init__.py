"""Reading and changing a config: its hooks, its plan, its averaging."""
