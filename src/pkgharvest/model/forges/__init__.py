"""The forges that are known by name: one file each, which holds a `Forge` called ``FORGE``.

``registry`` finds them. How to add one is described in CONTRIBUTING.md, "How to add a source".
"""
