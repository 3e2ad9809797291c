"""The run store: plain files that are only ever added."""
