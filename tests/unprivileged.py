"""`widget` without root's right to ignore permissions. On other systems than Linux, and for other users than root, the
same as `widget`.

python unprivileged.py COMMAND...
"""

import ctypes
import os
import sys

from widget.cli.main import main
from widget.outbox import opening

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
_VERSION_3 = 0x20080522


def give_up_override() -> None:
    """Drop the capabilities with which root ignores permissions (capset(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable of the low half, then of the high
    assert libc.capget(header, data) == 0
    for position in range(3):
        data[position] &= ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
    assert libc.capset(header, data) == 0, os.strerror(ctypes.get_errno())


if os.geteuid() == 0:
    give_up_override()
sys.argv[0] = "widget"
opening.FIRST_LOOK = 60.0  # so that the first attempt decides, however slow the machine is
main()
