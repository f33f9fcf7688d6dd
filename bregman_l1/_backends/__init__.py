"""Who solves it: one file a backend, one line in the registry."""
