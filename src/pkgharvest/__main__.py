"""``python -m pkgharvest``."""

from pkgharvest.cli.main import run

if __name__ == "__main__":
    run()
