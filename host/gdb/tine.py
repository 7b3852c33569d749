# SPDX-License-Identifier: BSD-2-Clause
"""Commands for gdb on a running Tine. In gdb, connected to the guest: source host/gdb/tine.py

  tine-ps              processes and threads: number, state, CPU, name, address of struct task
  tine-bt TASK         backtrace of a task that is not running (an address, or a thread's number)
  tine-pt VA [TASK]    the page-table entries on the way to VA, in the kernel's tables or in a task's
  tine-log [N]         the last N records of the kernel log (all of the ring without N)
  tine-percpu VAR [N]  a per-CPU variable of CPU N, or of all
"""
import gdb

STATES = ["running", "sleep", "disk-sleep", "killable", "stopped", "dead"]
LINEAR = 0xffff000000000000
OA = 0x0000fffffffff000


def value(expression):
    return gdb.parse_and_eval(expression)


def offset_of(struct, member):
    return int(value("(unsigned long)&((struct %s *)0)->%s" % (struct, member)))


def entries(head, struct, member):
    """The structs that a circular list links through MEMBER."""
    at, back = head["next"], offset_of(struct, member)
    pointer = gdb.lookup_type("struct " + struct).pointer()
    while int(at) != int(head.address):
        yield gdb.Value(int(at) - back).cast(pointer)
        at = at["next"]


def read64(address):
    return int.from_bytes(gdb.selected_inferior().read_memory(address, 8).tobytes(), "little")


def percpu(variable, cpu):
    at = (int(variable.address) + int(value("percpu_offset[%d]" % cpu))) & (1 << 64) - 1
    return gdb.Value(at).cast(variable.type.pointer()).dereference()


def on_cpu(task):
    return int(percpu(value("runqueues"), int(task["core"]["cpu"]))["curr"]) == int(task)


def threads():
    for process in entries(value("all_processes"), "process", "all_link"):
        for task in entries(process["threads"], "task", "thread_link"):
            yield process, task


def find_task(word):
    if word.isdigit() and int(word) < 1 << 22:
        for _, task in threads():
            if int(task["tid"]) == int(word):
                return task
        raise gdb.GdbError("no thread has number " + word)
    return value(word).cast(gdb.lookup_type("struct task").pointer())


class Command(gdb.Command):
    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_STATUS)


class Ps(Command):
    """Processes and threads."""
    name = "tine-ps"

    def invoke(self, argument, from_tty):
        print("  pid   tid cpu state       name             task")
        for process, task in threads():
            state = int(task["sched"]["state"])
            print("%5d %5d %3d %-11s %-16s 0x%x%s" % (
                int(process["pid"]), int(task["tid"]), int(task["core"]["cpu"]),
                STATES[state] if state < len(STATES) else state, task["comm"].string(errors="replace"),
                int(task), "  on CPU" if on_cpu(task) else ""))


class Bt(Command):
    """Backtrace of a task that is not running: tine-bt TASK"""
    name = "tine-bt"

    def invoke(self, argument, from_tty):
        task = find_task(argument.strip())
        if on_cpu(task):
            raise gdb.GdbError("it runs: use bt in the thread of its CPU")
        saved = task["arch"]["x19_x30"]
        frame, pc = int(saved[10]), int(saved[11])
        low = int(task["core"]["stack"])
        while True:
            symbol = gdb.execute("info symbol 0x%x" % pc, to_string=True).strip()
            print("%016x %s" % (pc, symbol))
            if not low <= frame < low + 16384 or frame & 7:
                break
            frame, pc = read64(frame), read64(frame + 8) - 4


class Pt(Command):
    """Page-table entries on the way to an address: tine-pt VA [TASK]"""
    name = "tine-pt"

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        va = int(value("(unsigned long)(%s)" % words[0]))
        if va >> 55 & 1:
            table = int(value("(unsigned long)kernel_root"))
        else:
            task = find_task(words[1]) if len(words) > 1 else value("(struct task *)$TPIDR_EL1")
            if int(task["mm"]) == 0:
                raise gdb.GdbError("the task has no address space")
            table = int(task["mm"]["pt"]["root"])
        for level in range(4):
            shift = 39 - 9 * level
            entry = read64(table + 8 * (va >> shift & 511))
            print("level %d  [%3d]  %016x  %s" % (level, va >> shift & 511, entry, describe(entry, level)))
            if level == 3 or entry & 3 != 3:
                break
            table = table_address(entry & OA)


def table_address(physical):
    image = 0xffff800000000000 - int(value("kimage_voffset"))
    if image <= physical < image + int(value("(unsigned long)_kimage_end - (unsigned long)_kimage_start")):
        return physical + int(value("kimage_voffset"))
    return physical + LINEAR


def describe(entry, level):
    if not entry & 1:
        return "no access (PROT_NONE), at %x" % (entry & OA) if entry >> 58 & 1 else "nothing"
    if level < 3 and entry & 2:
        return "table at %x%s" % (entry & OA, " read-only" if entry >> 62 & 1 else "")
    words = ["page" if level == 3 else "block", "at %x" % (entry & OA), ("normal", "non-cacheable", "device", "?")[entry >> 2 & 3]]
    words.append("user" if entry >> 6 & 1 else "kernel")
    words.append("read-only" if entry >> 7 & 1 else "read-write")
    for bit, name in ((10, "young"), (51, "writable"), (52, "cont"), (55, "dirty"), (56, "special"), (57, "exclusive")):
        if entry >> bit & 1:
            words.append(name)
    if not entry >> (54 if entry >> 6 & 1 else 53) & 1:
        words.append("executable")
    return " ".join(words)


class Log(Command):
    """The kernel log: tine-log [N]"""
    name = "tine-log"

    def invoke(self, argument, from_tty):
        ring, last = value("'klog.c'::ring"), int(value("'klog.c'::next_seq"))
        size = ring.type.range()[1] + 1
        count = min(int(argument or size), size, last)
        for seq in range(last - count, last):
            record = ring[seq % size]
            text = record["text"].string(errors="replace", length=int(record["len"]))
            print("[%5d.%06d] %s" % (int(record["ns"]) // 10**9, int(record["ns"]) // 1000 % 10**6, text))


class PerCpu(Command):
    """A per-CPU variable: tine-percpu VAR [CPU]"""
    name = "tine-percpu"

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        cpus = [int(words[1])] if len(words) > 1 else range(int(value("nr_cpus")))
        variable = value(words[0])
        for cpu in cpus:
            print("cpu%d: %s" % (cpu, percpu(variable, cpu)))


for command in (Ps, Bt, Pt, Log, PerCpu):
    command()
