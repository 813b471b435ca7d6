"""What benchmark_averaging.py measures, how, and how it reports."""
