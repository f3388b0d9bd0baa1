"""The forges that are known by name: one file each, which holds a `Forge` called ``FORGE``.

`base.find_forges` finds them. CONTRIBUTING.md describes how to add one, in "How to add a source".
"""
