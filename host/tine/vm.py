# SPDX-License-Identifier: BSD-2-Clause
"""A VM whose console is read as lines: for the tests and the benchmark."""
import dataclasses
import os
import select
import threading
import time

from . import qemu


@dataclasses.dataclass
class Outcome:
    """What came of a boot: the console's lines, whether QEMU ended by itself, seconds taken."""
    lines: list
    ended: bool
    seconds: float
    status: int = None

    def text(self):
        return "\n".join(self.lines)

    def tail(self, count=8):
        return [l for l in self.lines if l.strip()][-count:]


def boot(machine, limit, on_line=None, until=None):
    """Boots MACHINE and reads its console until QEMU ends, LIMIT seconds are over, or a line
    satisfies UNTIL. ON_LINE(line) sees each line as it comes."""
    start, lines, rest, ended = time.monotonic(), [], b"", False
    vm = qemu.start(machine)
    errors = []
    reader = threading.Thread(target=lambda: errors.extend(vm.stderr.read().decode("utf-8", "replace").splitlines()),
                              daemon=True)
    reader.start()
    try:
        found = False
        while not found:
            left = limit - (time.monotonic() - start)
            if left <= 0 or not select.select([vm.stdout], [], [], left)[0]:
                break
            data = os.read(vm.stdout.fileno(), 65536)
            if not data:
                ended = True
                break
            *new, rest = (rest + data).split(b"\n")
            for raw in new:
                line = raw.decode("utf-8", "replace").replace("\r", "").rstrip()
                lines.append(line)
                if on_line:
                    on_line(line)
                found = found or bool(until and until(line))
    finally:
        qemu.stop(vm, patience=2 if ended else 0)
        reader.join(2)
    if rest.strip():
        lines.append(rest.decode("utf-8", "replace").strip())
    lines += errors
    return Outcome(lines, ended, time.monotonic() - start, vm.returncode)
