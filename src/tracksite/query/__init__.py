"""Questions to a store: plain functions from a Snapshot, or from its folded runs, to a frame."""
