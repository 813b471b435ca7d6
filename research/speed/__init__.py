"""What averaging costs: time, memory, calls."""
