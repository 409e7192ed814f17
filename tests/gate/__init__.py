"""The gate before publishing, drafts, and policy lists."""
