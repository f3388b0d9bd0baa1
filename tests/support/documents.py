"""Commands that documents show, compared with those that exist."""

import re
import shlex

import click

from pkgharvest.cli.main import cli


def commands_in(text: str) -> list[str]:
    """Return what follows ``pkgharvest`` in shell blocks and inline code of a Markdown text."""
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    inline = (words.replace("\n", " ") for words in re.findall(r"`(pkgharvest\s[^`]+)`", text))
    shown = "\n".join((blocks, *inline))
    return re.findall(r"^pkgharvest ([^\n#<]+)", shown, re.MULTILINE)


def expect_command_exists(text: str) -> None:
    """Require that the command and each of its options exist."""
    context = cli.make_context("pkgharvest", ["list"])
    name, *others = shlex.split(text)
    if name == "COMMAND":
        return
    command = cli.get_command(context, name)
    assert command is not None, text
    meant = command.make_context(name, [*others], parent=context, resilient_parsing=True).command
    params = [*meant.params, *command.params, *cli.params]
    if isinstance(command, click.Group) and others:
        part = command.get_command(context, others[0])
        params += [] if part is None else part.params
    known = {option for parameter in params for option in parameter.opts}
    assert set(re.findall(r"(?<= )--[a-z-]+", text)) <= known | {"--help"}, text
