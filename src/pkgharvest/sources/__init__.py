"""Where the figures come from: one file each. A source builds requests and decodes answers.

It does not sleep, retry, cache or store.
"""
