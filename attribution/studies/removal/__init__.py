"""How fast a behaviour goes when the rows that estimators name are dropped, beside shared words and chance."""
