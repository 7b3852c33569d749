# SPDX-License-Identifier: BSD-2-Clause
"""The host side of Tine: everything that ./tine does, in Python's standard library only."""
