"""GitLab: gitlab.com, and GitLab on hosts that are configured."""

from pkgharvest.model.forges.base import Forge

FORGE = Forge(
    kind="gitlab",
    name="GitLab",
    hosts=("gitlab.com",),
    aliases={"altssh.gitlab.com": "gitlab.com"},  # ssh through port 443
    purl_type="gitlab",
    page_marker="-",
)
