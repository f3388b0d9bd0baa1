"""``pkgharvest demo``."""

import click

from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options_about, pass_invocation


@click.command("demo")
@global_options_about("The catalogue to make.  [default: ./pkgharvest-demo.db]")
@pass_invocation
def command(invocation: Invocation) -> int:
    """Show the main job on recorded answers, without a network.

    Makes a fresh catalogue, ./pkgharvest-demo.db or --db, adds eight packages, fetches them from
    the bundled recording, and shows them. It is what a live run does.
    """
    from pkgharvest.app import demo  # noqa: PLC0415 - brings the engine
    from pkgharvest.cli.fetch import run_order  # noqa: PLC0415
    from pkgharvest.cli.main import cli  # noqa: PLC0415 - the group is complete by now
    from pkgharvest.model.clock import FixedClock  # noqa: PLC0415

    # The environment's catalogue is somebody's real one.
    db = invocation.flags.setdefault("db", str(demo.DEFAULT_DB))
    # Ages are told as of the recording: what was fetched a moment ago is a moment old.
    invocation.clock = FixedClock(demo.prepare(invocation.db_path))
    invocation.say(f"$ pkgharvest --db {db} fetch --all --replay {demo.archive_path().name}")
    code = run_order(invocation, replay=demo.archive_path())
    if code == ExitCode.INTERRUPTED:
        return code
    for words in (["list"], ["show", demo.SLUG]):
        invocation.say(f"\n$ pkgharvest --db {db} {' '.join(words)}")
        cli.main(words, prog_name="pkgharvest", standalone_mode=False, obj=invocation)
    invocation.say(
        f"\nThe recording's clock is {invocation.clock.now():%Y-%m-%d}. Programs read this:"
        f"\n$ pkgharvest --db {db} show {demo.SLUG} --json"
    )
    return code or ExitCode.OK
