"""Numbers about the runs of one experiment, each with its uncertainty: frames in, frames out."""
