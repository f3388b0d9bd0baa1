"""Where metadata comes from: one module or package per host, and what they share.

`base` has the protocols, `json_api` and `batching` the common parts. A source builds requests and
decodes responses; it never sleeps, retries, caches or stores.
"""
