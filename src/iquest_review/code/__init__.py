"""What a file defines and calls: its language, its outline, and names in its lines."""
