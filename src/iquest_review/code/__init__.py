"""What a file defines and calls."""
