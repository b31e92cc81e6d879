"""What the model answers."""

STAND_IN = "iquest-review-stand-in"  # the model name under which the built-in rules answer
