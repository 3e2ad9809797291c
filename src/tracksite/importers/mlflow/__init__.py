"""MLflow's data: `mlruns/` folders, SQLite databases and servers."""
