# SPDX-License-Identifier: BSD-2-Clause
"""The subcommands and what is common to them: errors, Ctrl-C, --help."""
import importlib
import os
import sys

from . import base, build
from .base import Error, UsageError
from .cli_util import Parser

USAGE = """usage: ./tine COMMAND [options]

  run     boot a VM and run a command in it, or a shell
  test    run every test, or the suites that are named
  bench   the same programs on Tine and on Debian's Linux, side by side
  image   print the path of the built kernel image

./tine COMMAND --help says more. The environment: TINE_CACHE (downloads and root file
systems; default build/cache), CI (never ask), NO_COLOR.
"""


def image(args):
    o = Parser("image", "Builds the kernel if it is not up to date and prints the path of its image, which boots\n"
               "wherever QEMU boots an arm64 Linux: qemu-system-aarch64 -M virt -kernel IMAGE ...",
               "./tine image [options]").parse(args)
    del o
    print(build.image())
    return 0


def command(name):
    if name == "image":
        return image
    if name in ("run", "test", "bench"):
        return importlib.import_module("tine." + name).main
    raise UsageError("no command %r (run, test, bench or image; --help says more)" % name)


def dispatch(args):
    if not args or args[0] in ("-h", "--help", "help"):
        (sys.stdout if args else sys.stderr).write(USAGE)
        return 0 if args else 2
    return command(args[0])(args[1:])


def main():
    base.standard_streams()
    base.on_signals()
    try:
        status = dispatch(sys.argv[1:])
        sys.stdout.flush()
        return status
    except Error as error:
        sys.stderr.write("%s %s\n" % (base.colour("31", "tine:"), error))
        return error.status
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as error:	# a full disk, a tree that is read-only: theirs, not a bug of ours
        what = "%s: %s" % (error.filename, error.strerror) if error.filename else str(error)
        sys.stderr.write("%s %s\n" % (base.colour("31", "tine:"), what))
        return 1
