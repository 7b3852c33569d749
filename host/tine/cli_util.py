# SPDX-License-Identifier: BSD-2-Clause
"""Options: argparse with this project's manners, that is one line and status 2 for a mistake, and
a complete --help per subcommand."""
import argparse
import sys

from .base import Settings, UsageError


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError("%s (%s --help says more)" % (message, self.prog))


class Parser:
    """One subcommand's options."""

    def __init__(self, name, text, usage, examples=()):
        epilog = "examples:\n" + "\n".join("  " + e for e in examples) if examples else None
        self.parser = _Parser(prog="./tine " + name, description=text, usage=usage, epilog=epilog, add_help=False,
                              allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.takes_command = False
        self.add("-h", "--help", action="store_true", help="show this and exit")
        self.add("--yes", action="store_true", help="install missing Debian packages without asking")
        self.add("--quiet", action="store_true", help="no progress, only errors")

    def add(self, *names, secret=False, **kw):
        if secret:
            kw["help"] = argparse.SUPPRESS
        self.parser.add_argument(*names, **kw)

    def command(self):
        self.takes_command = True

    def parse(self, args):
        command = []
        if self.takes_command:
            args, command = self.split(args)
        options = self.parser.parse_args(args)
        options.command = command
        if options.help:
            self.parser.print_help()
            sys.exit(0)
        Settings.yes = Settings.yes or options.yes
        Settings.quiet = options.quiet
        return options

    def split(self, args):
        """Our options end at -- or at the first word that is neither an option nor one's value."""
        takes_value = {n for a in self.parser._actions if a.nargs is None for n in a.option_strings}
        at = 0
        while at < len(args):
            word = args[at]
            if word == "--":
                return args[:at], args[at + 1:]
            if not word.startswith("-") or word == "-":
                return args[:at], args[at:]
            at += 2 if word in takes_value else 1
        return args, []
