"""Which files a run writes, and how they are read back."""
