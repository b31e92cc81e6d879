"""What one finding is, where it belongs, and what identifies it."""
