"""Whether the fix of a finding can be applied by one click, and what it puts in place of the lines."""
