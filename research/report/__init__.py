"""The parts of the report: what it says, and its two forms."""
