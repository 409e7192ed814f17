"""Tests of posmigran; run with pytest from the root of the checkout."""
