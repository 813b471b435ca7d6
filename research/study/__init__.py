"""The parts of a study: what is trained, its rows, and what they say."""
