"""``pkgharvest demo``."""

import click

from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options_with, pass_invocation
from pkgharvest.settings.spec import Setting


@click.command("demo")
@global_options_with("The catalog to create.  [default: ./pkgharvest-demo.db]")
@pass_invocation
def command(invocation: Invocation) -> int:
    """Show what pkgharvest does, from recorded responses, without a network.

    Creates a catalog (./pkgharvest-demo.db, or --db), adds eight packages, fetches them from the
    bundled recording and shows them, with the same code as a live run.
    """
    from pkgharvest.app import demo  # noqa: PLC0415 - brings the engine
    from pkgharvest.app.fetch import FetchOptions  # noqa: PLC0415
    from pkgharvest.cli.fetch import run_fetch  # noqa: PLC0415
    from pkgharvest.cli.main import cli  # noqa: PLC0415 - the group is complete by now
    from pkgharvest.model.clock import FixedClock  # noqa: PLC0415

    # Ignore PKGHARVEST_DB: that is a real catalog.
    db = invocation.flags.setdefault("db", Setting(str(demo.DEFAULT_DB), "--db")).value
    # Ages are as of the recording: what was fetched a moment ago is a moment old.
    invocation.clock = FixedClock(demo.create_demo_catalog(invocation.db_path))
    invocation.say(f"$ pkgharvest --db {db} fetch --all --replay {demo.archive_path().name}")
    code = run_fetch(invocation, FetchOptions(replay=demo.archive_path()))
    if code == ExitCode.INTERRUPTED:
        return code
    for words in (["list"], ["show", demo.SLUG]):
        invocation.say(f"\n$ pkgharvest --db {db} {' '.join(words)}")
        cli.main(words, prog_name="pkgharvest", standalone_mode=False, obj=invocation)
    invocation.say(
        f"\nThe clock of the recording is at {invocation.clock.now():%Y-%m-%d}. For programs:"
        f"\n$ pkgharvest --db {db} show {demo.SLUG} --json"
    )
    return code or ExitCode.OK
