"""The write side: runs, params, metrics, artifacts, models, and what is captured by itself."""
