"""The command line: `graphc COMMAND FILE`.

Nothing heavy is imported here or beside it at the top of a file: `graphc --help` answers at once.
"""

from __future__ import annotations

import click

import graphc
from graphc.cli import cache, commands, draw, generate, plot, profile, report, running, tex, tools, use
from graphc.cli.entry import Entry


@click.group(cls=Entry, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(graphc.__version__, prog_name="graphc", message="%(prog)s %(version)s")
def main() -> None:
    """Write the equations, get the network.

    A file with a `fit` block is trained by `graphc run`; one without is computed forward and backward
    on the values given, step by step.
    """


for command in (running.run, commands.check, commands.show, draw.draw, tex.tex):
    main.add_command(command)
for command in (use.evaluate, use.predict, generate.generate, use.runs, plot.plot, report.report):
    main.add_command(command)
for command in (tools.fmt, tools.explain, tools.doctor, profile.profile, cache.cache):
    main.add_command(command)
