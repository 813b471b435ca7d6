"""Programs that prove what the project claims, with their results."""
