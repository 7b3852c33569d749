# SPDX-License-Identifier: BSD-2-Clause
"""Programs and what RFC 9669 says they compute: every instruction with operands at the ends of their
ranges. The expected values come from Python's own integers, so neither the interpreter nor the JIT is
its own judge. A case is (name, program, memory, r0 or None if the program must be refused or fail)."""
import struct

M64 = (1 << 64) - 1
VALUES = [0, 1, 2, 3, 7, 31, 33, 63, 64, 255, 0x7fff, 0x8000, 0xffff, 0x12345678, 0x7fffffff, 0x80000000, 0xffffffff,
          0x100000000, 0x123456789abcdef0, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000, M64 - 1, M64]
LDX, ST, STX, ALU, JMP, JMP32, ALU64 = 1, 2, 3, 4, 5, 6, 7
ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR, MOV, ARSH, END = range(0, 0xe0, 0x10)
CONDITIONS = {	# name: (code, unsigned, test)
    "jeq": (0x10, True, lambda a, b: a == b), "jgt": (0x20, True, lambda a, b: a > b),
    "jge": (0x30, True, lambda a, b: a >= b), "jset": (0x40, True, lambda a, b: a & b != 0),
    "jne": (0x50, True, lambda a, b: a != b), "jsgt": (0x60, False, lambda a, b: a > b),
    "jsge": (0x70, False, lambda a, b: a >= b), "jlt": (0xa0, True, lambda a, b: a < b),
    "jle": (0xb0, True, lambda a, b: a <= b), "jslt": (0xc0, False, lambda a, b: a < b),
    "jsle": (0xd0, False, lambda a, b: a <= b)}
SIZES = [(1, 0x10), (2, 0x08), (4, 0x00), (8, 0x18)]
MEM, MEMSX, ATOMIC = 0x60, 0x80, 0xc0


def op(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhI", code, dst | src << 4, off, imm & 0xffffffff)


def wide(dst, value):
    return op(0x18, dst, 0, 0, value) + op(0, 0, 0, 0, value >> 32)


EXIT = op(JMP | 0x90)


def signed(value, bits=64):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def truncated_div(a, b):
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def compute(code, a, b, bits, off=0):
    """Section 4.1, on integers of so many bits."""
    mask = (1 << bits) - 1
    a, b = a & mask, b & mask
    shift = b & (bits - 1)
    if code in (DIV, MOD):
        if off:
            a, b = signed(a, bits), signed(b, bits)
        quotient = truncated_div(a, b) if b else 0
        return (quotient if code == DIV else a - quotient * b if b else a) & mask
    return {ADD: a + b, SUB: a - b, MUL: a * b, OR: a | b, AND: a & b, LSH: a << shift, RSH: a >> shift, NEG: -a, XOR: a ^ b,
            MOV: b, ARSH: signed(a, bits) >> shift}[code] & mask


ALU_NAMES = {ADD: "add", SUB: "sub", MUL: "mul", DIV: "div", OR: "or", AND: "and", LSH: "lsh", RSH: "rsh", NEG: "neg",
             MOD: "mod", XOR: "xor", MOV: "mov", ARSH: "arsh"}


def alu():
    for code, name in ALU_NAMES.items():
        for off in (0, 1) if code in (DIV, MOD) else (0,):
            for klass, bits in ((ALU, 32), (ALU64, 64)):
                for a in VALUES:
                    for b in VALUES if code != NEG else [0]:
                        full = "%s%s%d(%x, %x)" % ("s" if off else "", name, bits, a, b)
                        want = compute(code, a, b, bits, off)
                        if code != NEG:
                            yield full + " by register", wide(0, a) + wide(3, b) + op(klass | code | 8, 0, 3, off) + EXIT, b"", want
                        if b == signed(b, 32) & M64:	# sign-extended from 32 bits
                            yield full, wide(0, a) + op(klass | code, 0, 0, off, b) + EXIT, b"", want
    for klass, bits, sizes in ((ALU, 32, (8, 16)), (ALU64, 64, (8, 16, 32))):
        for size in sizes:
            for a in VALUES + [0x80, 0x8081]:
                yield "movsx%d from %d of %x" % (bits, size, a), wide(7, a) + op(klass | MOV | 8, 0, 7, size) + EXIT, b"", \
                    signed(a, size) & ((1 << bits) - 1)


def byte_order():
    for size in (16, 32, 64):
        for a in VALUES + [0x0102030405060708]:
            low = a & ((1 << size) - 1)
            swapped = int.from_bytes(low.to_bytes(size // 8, "little"), "big")
            for name, code, want in (("le", ALU | END, low), ("be", ALU | END | 8, swapped), ("bswap", ALU64 | END, swapped)):
                yield "%s%d(%x)" % (name, size, a), wide(0, a) + op(code, 0, 0, 0, size) + EXIT, b"", want


def jumps():
    for name, (code, unsigned, test) in CONDITIONS.items():
        for klass, bits in ((JMP, 64), (JMP32, 32)):
            for a in VALUES:
                for b in VALUES:
                    mask = (1 << bits) - 1
                    x, y = (a & mask, b & mask) if unsigned else (signed(a, bits), signed(b, bits))
                    full, want = "%s%d(%x, %x)" % (name, bits, a, b), int(test(x, y))
                    tail = op(ALU64 | MOV, 0, 0, 0, 0) + EXIT
                    yield full + " by register", wide(2, a) + wide(3, b) + op(ALU64 | MOV, 0, 0, 0, 1) + \
                        op(klass | code | 8, 2, 3, 1) + tail + EXIT, b"", want
                    if b == signed(b, 32) & M64:
                        yield full, wide(2, a) + op(ALU64 | MOV, 0, 0, 0, 1) + op(klass | code, 2, 0, 1, b) + tail + EXIT, b"", want


def memory():
    data = bytes(range(0x71, 0x71 + 32))
    for size, code in SIZES:
        for off in range(0, 33 - size, 5):
            value = int.from_bytes(data[off:off + size], "little")
            yield "ldx%d +%d" % (size, off), op(LDX | MEM | code, 0, 1, off) + EXIT, data, value
            yield "ldx%d -%d" % (size, off), op(ALU64 | ADD, 1, 0, 0, 32) + op(LDX | MEM | code, 0, 1, off - 32) + EXIT, data, value
            if size < 8:
                high = bytes(b | 0x80 for b in data)
                yield "ldxs%d +%d" % (size, off), op(LDX | MEMSX | code, 0, 1, off) + EXIT, high, \
                    signed(int.from_bytes(high[off:off + size], "little"), 8 * size) & M64
        for value in VALUES:
            want = bytearray(data[:16])
            want[3:3 + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            for at in (0, 8):
                read = op(LDX | MEM | 0x18, 0, 1, at) + EXIT
                word = int.from_bytes(want[at:at + 8], "little")
                yield "stx%d %x" % (size, value), wide(4, value) + op(STX | MEM | code, 1, 4, 3) + read, data, word
                if value == signed(value, 32) & M64:
                    yield "st%d %x" % (size, value), op(ST | MEM | code, 1, 0, 3, value) + read, data, word
    for off in (-8, -16, -256, -264, -504, -512):
        yield "stack %d" % off, op(ST | MEM | 0x18, 10, 0, off, -5) + op(LDX | MEM | 0x18, 0, 10, off) + EXIT, b"", M64 - 4
    yield "stack by pointer", op(ALU64 | MOV | 8, 2, 10) + op(ALU64 | ADD, 2, 0, 0, -128) + op(ST | MEM | 0x18, 2, 0, 120, 9) + \
        op(LDX | MEM | 0x18, 0, 10, -8) + EXIT, b"", 9
    yield "r1 and r2", op(ALU64 | MOV | 8, 0, 2) + EXIT, data, 32
    yield "no memory", op(ALU64 | MOV | 8, 0, 1) + op(ALU64 | ADD | 8, 0, 2) + EXIT, b"", 0


def atomics():
    for size, code in ((4, 0), (8, 0x18)):
        mask = (1 << 8 * size) - 1
        for a in VALUES:
            for b in (0, 1, 0xffffffff, 0x123456789abcdef0, M64):
                mem = a.to_bytes(8, "little")
                new = {0x00: a + b, 0x40: a | b, 0x50: a & b, 0xa0: a ^ b, 0xe0: b}
                whole = lambda v: (a & ~mask | v & mask) & M64	# noqa: E731 what is in memory afterwards
                for kind, value in new.items():
                    name = "atomic %x of %d on %x, %x" % (kind, size, a, b)
                    begin = wide(3, b) + op(ALU64 | MOV, 0, 0, 0, 0)
                    after = op(LDX | MEM | 0x18, 0, 1, 0) + EXIT
                    if kind != 0xe0:
                        yield name, begin + op(STX | ATOMIC | code, 1, 3, 0, kind) + after, mem, whole(value)
                        yield name + ": source stays", begin + op(STX | ATOMIC | code, 1, 3, 0, kind) + \
                            op(ALU64 | MOV | 8, 0, 3) + EXIT, mem, b
                    fetch = op(STX | ATOMIC | code, 1, 3, 0, kind | 1)
                    yield name + " fetch: memory", begin + fetch + after, mem, whole(value)
                    yield name + " fetch: value", begin + fetch + op(ALU64 | MOV | 8, 0, 3) + EXIT, mem, a & mask
                for old in (a, a ^ 1, a ^ 1 << 40):
                    name = "cmpxchg of %d on %x, r0 %x, %x" % (size, a, old, b)
                    equal = (a ^ old) & mask == 0
                    begin = wide(3, b) + wide(0, old) + op(STX | ATOMIC | code, 1, 3, 0, 0xf1)
                    yield name, begin + EXIT, mem, a & mask
                    yield name + ": memory", begin + op(LDX | MEM | 0x18, 0, 1, 0) + EXIT, mem, whole(b) if equal else a
    for size, code in SIZES:
        mem = bytes(range(0xa1, 0xa9))
        low = int.from_bytes(mem[:size], "little")
        yield "load acquire of %d" % size, op(STX | ATOMIC | code, 0, 1, 0, 0x100) + EXIT, mem, low
        yield "store release of %d" % size, wide(4, M64) + op(STX | ATOMIC | code, 1, 4, 0, 0x110) + \
            op(LDX | MEM | 0x18, 0, 1, 0) + EXIT, mem, int.from_bytes(b"\xff" * size + mem[size:], "little")


def flow():
    call = op(JMP | 0x80, 0, 1, 0, 2)
    yield "local call, r6 kept", op(ALU64 | MOV, 6, 0, 0, 5) + op(ALU64 | MOV, 1, 0, 0, 6) + call + \
        op(ALU64 | ADD | 8, 0, 6) + EXIT + op(ALU64 | MOV, 6, 0, 0, 99) + op(ALU64 | MOV | 8, 0, 1) + \
        op(ALU64 | MUL, 0, 0, 0, 7) + EXIT, b"", 47
    yield "a callee's stack is its own", op(ST | MEM | 0x18, 10, 0, -8, 1) + call + op(LDX | MEM | 0x18, 0, 10, -8) + EXIT + \
        op(ST | MEM | 0x18, 10, 0, -8, 2) + op(ALU64 | MOV, 0, 0, 0, 3) + EXIT, b"", 1
    yield "a caller's stack by pointer", op(ALU64 | MOV | 8, 1, 10) + call + op(LDX | MEM | 0x18, 0, 10, -8) + EXIT + \
        op(ST | MEM | 0x18, 1, 0, -8, 77) + op(ALU64 | MOV, 0, 0, 0, 3) + EXIT, b"", 77
    yield "recursion: 5!", op(ALU64 | MOV, 1, 0, 0, 5) + op(JMP | 0x80, 0, 1, 0, 1) + EXIT + \
        op(ALU64 | MOV, 0, 0, 0, 1) + op(JMP | 0xb0, 1, 0, 5, 1) + op(ALU64 | MOV | 8, 6, 1) + op(ALU64 | SUB, 1, 0, 0, 1) + \
        op(JMP | 0x80, 0, 1, 0, -5) + op(ALU64 | MUL | 8, 0, 6) + EXIT + EXIT, b"", 120
    five = b"".join(op(ALU64 | MOV, r, 0, 0, 10 * r) for r in range(1, 6))
    yield "helper with five arguments", five + op(JMP | 0x80, 0, 0, 0, 1) + EXIT, b"", \
        10 + 3 * 20 + 5 * 30 + 7 * 40 + 11 * (50 ^ 10 >> 7)
    yield "a helper keeps r6 to r9", b"".join(op(ALU64 | MOV, r, 0, 0, r) for r in range(6, 10)) + five + op(JMP | 0x80, 0, 0, 0, 2) + \
        b"".join(op(ALU64 | ADD | 8, 0, r) for r in range(6, 10)) + EXIT, b"", 30
    yield "loop", op(ALU64 | MOV, 0) + op(ALU64 | MOV, 1, 0, 0, 1000) + op(ALU64 | ADD | 8, 0, 1) + op(ALU64 | SUB, 1, 0, 0, 1) + \
        op(JMP | 0x50, 1, 0, -3, 0) + EXIT, b"", 500500
    yield "exit twice", op(ALU64 | MOV, 0, 0, 0, 1) + op(JMP | 0x10, 0, 0, 1, 1) + EXIT + op(ALU64 | MOV, 0, 0, 0, 2) + EXIT, b"", 2
    yield "ja backwards at the end", op(JMP, 0, 0, 2) + op(ALU64 | MOV, 0, 0, 0, 4) + EXIT + op(JMP, 0, 0, -3), b"", 4


def reach():
    """Branches over images of more than 32 KiB and 1 MiB; what they pass does not run."""
    for n in (3000, 9000, 32000, 300000):
        filler = op(ALU64 | XOR | 8, 0, 0) * n
        for name, code, value in (("jeq", JMP | 0x10, 0), ("jset", JMP | 0x40, 8), ("jslt", JMP | 0xc0, 0), ("jgt", JMP | 0x20, 5)):
            r2 = {"jeq": 0, "jset": 8, "jslt": M64, "jgt": 6}[name]
            begin = wide(2, r2) + op(ALU64 | MOV, 0, 0, 0, 1)
            if n < 0x8000:
                yield "%s over %d" % (name, n), begin + op(code, 2, 0, n, value) + filler + EXIT, b"", 1
        if n > 0x8000:	# only the long jump reaches that far; a branch beside it must still be right
            for value, want in ((5, 1), (6, 9)):
                yield "gotol over %d, jgt %d" % (n, value), wide(2, 6) + op(ALU64 | MOV, 0, 0, 0, 9) + op(JMP | 0x20, 2, 0, 1, value) + \
                    EXIT + op(ALU64 | MOV, 0, 0, 0, 1) + op(JMP32, 0, 0, 0, n) + filler + EXIT, b"", want
        yield "call over %d" % n, op(JMP | 0x80, 0, 1, 0, n + 2) + EXIT + filler + EXIT + op(ALU64 | MOV, 0, 0, 0, 3) + EXIT, b"", 3


def refused():
    good = op(ALU64 | MOV, 0) + EXIT
    bad = {
        "empty": b"", "no exit": op(ALU64 | MOV, 0), "r11": op(ALU64 | MOV, 11) + EXIT, "r10 written": op(ALU64 | MOV, 10) + EXIT,
        "half of a wide one": op(0x18), "jump into a wide one": op(JMP, 0, 0, 1) + wide(0, 1) + EXIT,
        "jump out": op(JMP, 0, 0, 9) + good, "jump before": op(JMP, 0, 0, -2) + good, "unknown opcode": op(0xe7) + EXIT,
        "imm beside src": op(ALU64 | ADD | 8, 0, 1, 0, 1) + EXIT, "src beside imm": op(ALU64 | ADD, 0, 1) + EXIT,
        "offset of add": op(ALU64 | ADD, 0, 0, 1) + EXIT, "le24": op(ALU | END, 0, 0, 0, 24) + EXIT,
        "atomic of a byte": op(STX | ATOMIC | 0x10, 1, 0) + EXIT, "atomic sub": op(STX | ATOMIC, 1, 0, 0, 0x10) + EXIT,
        "jump into another function": op(JMP | 0x80, 0, 1, 0, 1) + EXIT + op(JMP, 0, 0, -2), "packet load": op(0x20) + EXIT,
        "fall into a function": op(JMP | 0x80, 0, 1, 0, 1) + op(ALU64 | MOV) + EXIT, "callx": op(JMP | 0x88) + EXIT,
        "sign-extending load of 8 bytes": op(LDX | MEMSX | 0x18, 0, 1) + EXIT, "exit with operand": op(JMP | 0x90, 1),
        "jump32 exit": op(JMP32 | 0x90), "probe read": op(LDX | 0x20, 0, 1) + EXIT, "movsx by 24": op(ALU64 | MOV | 8, 0, 0, 24) + EXIT,
        "movsx 32 in 32": op(ALU | MOV | 8, 0, 0, 32) + EXIT, "unknown helper": op(JMP | 0x80, 0, 0, 0, 4) + EXIT,
        "map": op(0x18, 1, 1, 0, 3) + op(0) + EXIT,
    }
    for name, program in bad.items():
        yield "refused: " + name, program, b"", None


GROUPS = {f.__name__: f for f in (alu, byte_order, jumps, memory, atomics, flow, reach, refused)}


def filter_of_20():
    """Reads words of the context, compares, exits in two places."""
    load, ne, eq = LDX | MEM, JMP | 0x50, JMP | 0x10
    return op(ALU64 | MOV | 8, 6, 1) + op(load, 2, 6, 0) + op(ne, 2, 0, 14, 64) + op(load, 3, 6, 16) + op(ne, 3, 0, 12, 8) + \
        op(load, 4, 6, 4) + op(ALU64 | RSH, 4, 0, 0, 16) + op(ALU64 | AND, 4, 0, 0, 0xff) + op(eq, 4, 0, 2, 6) + op(eq, 4, 0, 1, 17) + \
        op(JMP, 0, 0, 6) + op(load, 5, 6, 8) + op(ALU64 | AND, 5, 0, 0, 0x1fff) + op(ne, 5, 0, 3, 0) + op(ALU64 | MOV, 0, 0, 0, 1) + \
        op(ALU | LSH, 0, 0, 0, 4) + EXIT + op(ALU64 | MOV) + op(ALU64 | ADD) + EXIT


# What the JIT's image may be at most, in bytes.
IMAGE_SIZES = [("two instructions", op(ALU64 | MOV) + EXIT, 8), ("a filter of 20", filter_of_20(), 96)] + [
    ("constant %x" % v, wide(0, v) + EXIT, 4 + 4 * n) for v, n in (
        (0, 1), (M64, 1), (0xffff, 1), (M64 - 0xffff0000, 1), (0xffffffff, 1), (0xfffffffe, 1), (0x12345678, 2), (0x5555555555555555, 1),
        (M64 ^ 0x1234, 1), (M64 ^ 0x12345678, 2), (0xffff000012345678, 3), (0x123456789abcdef0, 4))]
