"""``pkgharvest completion``."""

import click

from pkgharvest.cli.invocation import global_options, write

_INSTRUCTIONS = {
    "bash": 'eval "$(pkgharvest completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(pkgharvest completion zsh)" in ~/.zshrc',
    "fish": "pkgharvest completion fish | source, in ~/.config/fish/config.fish",
}


@click.command(
    "completion",
    epilog="\b\n" + "\n".join(_INSTRUCTIONS.values()),
)
@click.argument("shell", type=click.Choice(list(_INSTRUCTIONS)))
@global_options
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in SHELL."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    kind = get_completion_class(shell)
    assert kind is not None
    root = context.find_root()
    write([kind(root.command, {}, "pkgharvest", "_PKGHARVEST_COMPLETE").source() + "\n"])
