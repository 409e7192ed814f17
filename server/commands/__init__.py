"""The commands, one module a noun. ``posmigran.py`` puts them together."""
