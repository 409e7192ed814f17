"""The XLSForms, what becomes of them, and what a submission means.

Knows nothing of databases and HTTP.
"""
