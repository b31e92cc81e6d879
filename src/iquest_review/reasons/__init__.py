"""Why a review is not a whole one, as values: what happened, with its details, and not yet in words."""
