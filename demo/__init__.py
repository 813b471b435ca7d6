"""What ``make demo`` and ``make demo-detection`` run."""
