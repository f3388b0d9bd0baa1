"""GitHub: github.com, and GitHub Enterprise Server on hosts that are configured."""

from pkgharvest.model.forges.base import Forge, ForgeApi


def graphql_url(api_url: str) -> str:
    """Return where GraphQL is asked, as GitHub and GitHub Enterprise Server place it.

    >>> graphql_url("https://api.github.com")
    'https://api.github.com/graphql'
    >>> graphql_url("https://ghe.example.org/api/v3/")
    'https://ghe.example.org/api/graphql'
    """
    base = api_url.rstrip("/")
    return f"{base.removesuffix('/v3') if base.endswith('/api/v3') else base}/graphql"


FORGE = Forge(
    kind="github",
    name="GitHub",
    hosts=("github.com",),
    aliases={"ssh.github.com": "github.com"},  # ssh through port 443
    api_hosts={"api.github.com": "repos"},
    schemes=("gh", "github"),
    purl_type="github",
    owner_pattern="[A-Za-z0-9_][A-Za-z0-9_-]{0,38}",
    name_pattern=r"(?!\.\.?\Z)[A-Za-z0-9._-]{1,100}",
    # GitHub's own pages that people paste: names that cannot be registered as an owner.
    page_owners=(
        "about|apps|codespaces|collections|dashboard|explore|features|issues|join|login|logout|"
        "marketplace|notifications|organizations|orgs|pricing|pulls|search|settings|signup|"
        "sponsors|stars|topics|trending|users"
    ),
    clone_suffix=".git",
    api=ForgeApi(
        public_url="https://api.github.com",
        url_template="https://{host}/api/v3",
        graphql_url=graphql_url,
        token_variables=("GH_TOKEN", "GITHUB_TOKEN"),
        other_token_variables=("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"),
        # 900 points a minute for REST, a GET being one ("Rate limits for the REST API", secondary
        # limits, docs.github.com). GraphQL may have 2,000, but is asked far less often.
        public_requests_per_minute=900,
    ),
)
