"""Every picture of the paper and of notes on it, computed apart from the drawing and written with its numbers."""
