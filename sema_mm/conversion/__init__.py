"""Reading, renaming and writing checkpoints of other libraries."""
