"""Read and change a config: its hooks, its plan, its averaging."""
