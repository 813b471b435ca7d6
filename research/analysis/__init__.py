"""What averaging does to a solution, in numbers."""
