"""Sessions: ``nox -s test``, ``check``, ``demo``, ``bench``, ``docs``."""

import nox

nox.options.sessions = ["test", "check", "docs"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session(python=PYTHONS)
def test(session: nox.Session) -> None:
    """Run the tests in parallel; arguments after ``--`` go to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "-n", "auto", "--dist", "worksteal", *session.posargs)


@nox.session
def check(session: nox.Session) -> None:
    """Lint, check the format, the types and the order of imports."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into ``docs/_build``; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-q", "-W", "--keep-going", "docs", "docs/_build", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Show the main job on recorded responses."""
    session.install(".")
    session.run("pkgharvest", "demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure; ``-- --quick`` takes a minute, ``-- --only trip`` seconds."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "benchmarks", *session.posargs)
