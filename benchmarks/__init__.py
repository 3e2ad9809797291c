"""What tracksite costs, measured side by side in one run: `python -m benchmarks`."""
