"""The way in of one submission: parse, judge, the one transaction. Knows nothing of HTTP."""
