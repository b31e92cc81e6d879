"""Which findings need no model: leaked secrets and deceptive text."""
