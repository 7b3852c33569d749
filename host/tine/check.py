# SPDX-License-Identifier: BSD-2-Clause
"""Checks of the sources that no compiler makes: licence lines, format, the layers' includes and
symbols. The rules themselves are in the Makefile (uses_LAYER) and docs/architecture.md."""
import glob
import os
import re
import subprocess

from .base import TOP

COLUMNS = 120	# the limit; 100 is what we aim at
SPDX = "SPDX-License-Identifier: BSD-2-Clause"
CORE = ("base", "lib", "pt", "mm", "task", "fs", "net", "sys", "insn", "text", "trace", "bpf", "gmem")


def files(*suffixes):
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False).stdout.split("\n")
    for name in sorted(filter(None, listed)):
        if name.endswith(suffixes) and os.path.isfile(os.path.join(TOP, name)):
            yield name


def text(name):
    with open(os.path.join(TOP, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def spdx():
    return ["%s: no SPDX line at its head" % n for n in files(".c", ".h", ".S", ".py", ".mk")
            if SPDX not in "\n".join(text(n).split("\n")[:3])]


def width(line):
    column = 0
    for char in line:
        column = column + 8 - column % 8 if char == "\t" else column + 1
    return column


def layout():
    """Tabs, no trailing blanks, 100 columns, a line feed at the end."""
    for name in files(".c", ".h", ".S"):
        body = text(name)
        if body and not body.endswith("\n"):
            yield "%s: no line feed at the end" % name
        for number, line in enumerate(body.split("\n"), 1):
            if line != line.rstrip():
                yield "%s:%d: blanks at the end of the line" % (name, number)
            elif re.match(r" {8}", line):
                yield "%s:%d: indented with spaces" % (name, number)
            elif width(line) > COLUMNS and "http" not in line and "\"" not in line:
                yield "%s:%d: %d columns" % (name, number, width(line))


def rules():
    """{layer: what it may use} as the Makefile states it."""
    found = dict(re.findall(r"^uses_([\w/]+)\s*:=[ \t]*(.*)$", text("Makefile"), re.M))
    table = {layer: set(uses.split()) | {"base", layer} for layer, uses in found.items()}
    # An exception that the Makefile makes for one layer, by a folder of headers, with its reason.
    for layer, other in re.findall(r"^EXTRA_(\w+)\s*:=.*-Ikernel/(\w+)/include", text("Makefile"), re.M):
        if other in table:
            table[layer].add(other)
    # The checking hardware of the host tests stands for the machine and for what boots it, so it
    # also hands mm its pages and locks.
    table["fake"] = {"fake", "base", "hal", "arch", "lib", "pt", "mm"}
    if "hal" in table:	# a header of the hal takes in the architecture's inline half of it
        table["hal"].add("arch")
    return table


def layer_of(name):
    parts = name.split("/")
    if parts[:3] == ["kernel", "arch", "fake"]:
        return "fake"
    if parts[:2] == ["kernel", "bpf"] and len(parts) > 3:	# a layer per folder in it
        return "/".join(parts[1:3])
    return parts[1] if len(parts) > 2 and parts[0] == "kernel" else None


def owner(table, top, rest):
    """The layer that gives <TOP/REST>; None for what is not the kernel's."""
    if top in table:
        return top
    return next((layer for layer in table if layer.startswith(top + "/") and os.path.exists(
        os.path.join(TOP, "kernel", layer, "include", top, rest))), None)


def includes():
    """Each #include <LAYER/...> in kernel/ is one that the including layer may use."""
    table = rules()
    for name in files(".c", ".h", ".S"):
        layer = layer_of(name)
        if layer not in table:
            continue
        for number, line in enumerate(text(name).split("\n"), 1):
            found = re.match(r"\s*#\s*include\s*[<\"]([\w.]+)/([\w./]+)", line)
            given = found and owner(table, *found.groups())
            if not given or given in table[layer]:
                continue
            # <sys/mman.h> and its like are the C library's.
            if layer != "fake" or os.path.exists(os.path.join(TOP, "kernel", given, "include", *found.groups())):
                yield "%s:%d: %s may not include <%s/...>" % (name, number, layer, found.group(1))


def cycles():
    """No header of kernel/ includes itself by way of others."""
    graph = {}
    for name in files(".h"):
        found = re.fullmatch(r"kernel/(?:[\w]+/)+include/(.*)", name)
        if found:
            seen = re.findall(r"^\s*#\s*include\s*[<\"]([\w./]+)[>\"]", text(name), re.M)
            # arch/X.h is the inline half of hal/X.h, which takes it in where its types are known.
            half = found.group(1).replace("arch/", "hal/", 1)
            graph[found.group(1)] = [s for s in seen if s == found.group(1) or s != half]
    state, problems = {}, []

    def visit(node, path):
        state[node] = 1
        for target in graph.get(node, ()):
            if state.get(target) == 1:
                problems.append("include cycle: " + " -> ".join(path[path.index(target):] + [target])
                                if target in path else "include cycle at " + target)
            elif target in graph and target not in state:
                visit(target, path + [target])
        state[node] = 2
    for node in sorted(graph):
        if node not in state:
            visit(node, [node])
    return problems


def configuration():
    """No #if on a configuration in a core folder; no assembly outside arch/."""
    for name in files(".c", ".h"):
        if (layer_of(name) or "").split("/")[0] not in CORE:
            continue
        for number, line in enumerate(text(name).split("\n"), 1):
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b.*\b(CONFIG_\w+|TINE_(?!KERNEL)\w+)", line):
                yield "%s:%d: #if on a configuration" % (name, number)
            if re.search(r"\b(asm|__asm__)\s*(volatile|__volatile__)?\s*\(\s*\"[^\"]", line):
                yield "%s:%d: assembly in a core folder" % (name, number)


def declared(layers):
    """The words in the headers of LAYERS, each layer's of its own kind."""
    words = set()
    for name in files(".h"):
        if layer_of(name) in layers or (layer_of(name) == "arch" and "hal" in layers):
            words.update(re.findall(r"[A-Za-z_]\w+", text(name)))
    return words


def symbols(built):
    """What each layer's archive leaves undefined is defined by a layer that it may use, or declared
    in a header of one: such a function is a port, which a layer above fills in (the allocator
    interface of base, the locks of hal)."""
    table, defined, wanted = rules(), {}, {}
    for layer in table:
        path = os.path.join(built, "k", "arch/arm64.a" if layer == "arch" else layer + ".a")
        if not os.path.exists(path):
            continue
        listed = subprocess.run(["aarch64-linux-gnu-nm", "-A", path], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, check=False).stdout
        for line in listed.split("\n"):
            found = re.match(r"(\S+):\s*(?:[0-9a-f]+)?\s+([A-Za-z]) (\S+)$", line)
            if not found:
                continue
            where, kind, name = found.groups()
            if kind in "Uwv":
                wanted.setdefault(layer, {}).setdefault(name, where)
            elif kind.isupper():
                defined[name] = layer
    for layer, names in wanted.items():
        ports = declared(table[layer])
        for name, where in sorted(names.items()):
            owner = defined.get(name)
            if owner and owner not in table[layer] and name not in ports:
                yield "%s: %s may not call %s, which %s defines" % (where.split(":")[-1], layer, name, owner)


def clones(built):
    """No function of the kernel is a copy with other arguments than its types say (kernel's BTF)."""
    listed = subprocess.run(["aarch64-linux-gnu-nm", os.path.join(built, "tine.elf")], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False).stdout
    for name in re.findall(r"^[0-9a-f]+ [tTwW] (\S+\.(?:isra|constprop|part|cold|clone)\b\S*)$", listed, re.M):
        yield "%s: the compiler's copy of a function" % name


def everything(built=None):
    """[(name of the check, its problems)]"""
    yield "licence lines", spdx()
    yield "format", list(layout())
    yield "layers' includes", list(includes())
    yield "include cycles", list(cycles())
    yield "no configuration or assembly in core folders", list(configuration())
    built = built or os.path.join(TOP, "build")
    if glob.glob(os.path.join(built, "k", "*.a")):
        yield "layers' symbols", list(symbols(built))
        yield "functions are as declared", list(clones(built))
