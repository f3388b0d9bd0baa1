"""GitHub and GitHub Enterprise Server: GraphQL with a token, REST without one."""

from pkgharvest.sources.base import RepositorySource, SourceContext, SourceSpec


def _open(context: SourceContext) -> RepositorySource:
    api_url, *graphql_urls = context.host.urls
    history = context.git if context.prefers_git else None
    if context.has_token and context.may_batch:
        # Here, as a replay and a run without a token do without it.
        from pkgharvest.sources.github.graphql_source import GitHubGraphqlSource  # noqa: PLC0415

        return GitHubGraphqlSource(
            context.client,
            api_url=api_url,
            graphql_url=graphql_urls[0],
            clock=context.clock,
            history=history,
            charge=context.client.metrics.record_cost,
            locate=context.host.locator,
        )
    from pkgharvest.sources.github.rest import GitHubRestSource  # noqa: PLC0415

    return GitHubRestSource(
        context.client,
        api_url=api_url,
        clock=context.clock,
        conditional=context.conditional,
        history=history,
        locate=context.host.locator,
    )


SOURCE = SourceSpec(open=_open, batches_with_token=True)
