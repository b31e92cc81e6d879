"""Which secrets are taken out of a text, before anything else sees it."""
