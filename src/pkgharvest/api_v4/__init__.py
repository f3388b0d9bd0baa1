"""The resources of the Django Packages API v4, decoded and encoded."""
