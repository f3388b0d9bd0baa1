"""``pkgharvest demo``."""

import functools

import click

from pkgharvest.app import demo
from pkgharvest.cli.errors import ExitCode
from pkgharvest.cli.fetch import run_fetch
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.model.clock import FixedClock


@click.command("demo")
@functools.partial(
    global_options, db_help="The catalog to create.  [default: ./pkgharvest-demo.db]"
)
@pass_invocation
def command(invocation: Invocation) -> int:
    """Show what pkgharvest does, from recorded responses, without a network.

    Creates a catalog (./pkgharvest-demo.db, or --db), adds eight packages, fetches them from the
    bundled recording and shows them, with the same code as a live run.
    """
    from pkgharvest.app.fetch import FetchOptions  # noqa: PLC0415 - brings the whole engine
    from pkgharvest.cli.main import cli  # noqa: PLC0415 - it imports this module

    if invocation.db is None:  # ignore PKGHARVEST_DB: that is a real catalog
        invocation.db = str(demo.DEFAULT_DB)
    # Ages are as of the recording: what was fetched a moment ago is a moment old.
    invocation.clock = FixedClock(demo.create_demo_catalog(invocation.db_path))
    invocation.say(
        f"$ pkgharvest --db {invocation.db} fetch --all --replay {demo.archive_path().name}"
    )
    code = run_fetch(invocation, FetchOptions(replay=demo.archive_path()))
    if code == ExitCode.INTERRUPTED:
        return code
    for words in (["list"], ["show", demo.SLUG]):
        invocation.say(f"\n$ pkgharvest --db {invocation.db} {' '.join(words)}")
        cli.main(words, prog_name="pkgharvest", standalone_mode=False, obj=invocation)
    invocation.say(
        f"\nThe clock of the recording is at {invocation.clock.now():%Y-%m-%d}. For programs:"
        f"\n$ pkgharvest --db {invocation.db} show {demo.SLUG} --json"
    )
    return code or ExitCode.OK
