"""Bitbucket Cloud: bitbucket.org."""

from pkgharvest.model.forges.base import Forge

FORGE = Forge(
    kind="bitbucket",
    name="Bitbucket",
    hosts=("bitbucket.org",),
    aliases={"altssh.bitbucket.org": "bitbucket.org"},  # ssh through port 443
    purl_type="bitbucket",
)
