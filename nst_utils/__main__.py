"""The program ``python -m nst_utils``, or ``nst``; it hears signals before it loads the rest."""

from .signals import exit_on_signals


def run() -> None:
    """Run the command line."""
    exit_on_signals("Error: interrupted")
    from .cli.main import run

    run()


if __name__ == "__main__":
    run()
