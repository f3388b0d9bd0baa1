"""Forgejo: codeberg.org, and Forgejo or Gitea on hosts that are configured."""

from pkgharvest.model.forges.base import Forge

FORGE = Forge(kind="forgejo", name="Forgejo", hosts=("codeberg.org",))
