"""Read, rename and write checkpoints of other libraries."""
