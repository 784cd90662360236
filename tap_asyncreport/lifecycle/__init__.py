"""One file per step of a job's life, in the order in which the API sees them, and what the steps share."""
