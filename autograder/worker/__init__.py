"""Everything that runs beside student code: it holds no answers, and it is all of ours that a sandbox shows."""
