"""What is true of calling people, with no machine in sight: codes, attempts, strategies, windows."""
