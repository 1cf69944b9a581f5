"""The command `backlit`."""

import contextlib
import io
import os
import sys
from collections.abc import Sequence

from backlit.cli.arguments import parse
from backlit.cli.explaining import ExplainSettings, explain
from backlit.cli.exporting import ExportSettings, export
from backlit.cli.inspecting import InspectSettings, inspect
from backlit.cli.predicting import predict
from backlit.cli.settings import PredictSettings
from backlit.cli.training import train
from backlit.errors import BacklitError

_INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C has ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What stands after `backlit`; None: what the process was started with.

    Returns:
        The exit status: 0, or 1 after an error, which is said in one line on standard error.
    """
    with contextlib.ExitStack() as after:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                after.callback(stream.reconfigure, errors=stream.errors)
                # A question mark stands for what a terminal has no letter for.
                stream.reconfigure(errors="replace")
        return _run(sys.argv[1:] if arguments is None else arguments)


def _run(arguments: Sequence[str]) -> int:
    try:
        settings = parse(arguments)
        if isinstance(settings, PredictSettings):
            predict(settings)
        elif isinstance(settings, ExplainSettings):
            explain(settings)
        elif isinstance(settings, InspectSettings):
            inspect(settings)
        elif isinstance(settings, ExportSettings):
            export(settings)
        else:
            train(settings)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads, such as `head`, has seen enough; nothing is left to be written at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (BacklitError, OSError) as error:
        sys.stderr.write(f"backlit: error: {' '.join(str(error).split())}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("backlit: interrupted\n")
        return _INTERRUPTED
    return 0
