"""How wanted findings meet existing threads: match, plan, apply."""
