"""Which messages ask for a review, and how many of them."""
