"""Corrections by Excel: the workbook that staff change, and what they changed in it. Knows nothing of applying it."""
