"""`widget serve` that kills itself with SIGKILL just before, or just after, its nth commit.

python dying.py before|after N
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from widget.cli import main
from widget.outbox import sqlite

side, wanted = sys.argv[1], int(sys.argv[2])
commit = sqlite._commit
commits = 0


def dying_commit(connection: Connection, batch: Sequence[Any]) -> None:
    global commits
    commits += 1
    if side == "before" and commits == wanted:
        os.kill(os.getpid(), signal.SIGKILL)
    if side == "after" and commits == wanted:
        with connection.engine.begin() as other:  # the same work, committed, and nobody told
            for job, _ in batch:
                job(other)
        os.kill(os.getpid(), signal.SIGKILL)
    commit(connection, batch)


sqlite._commit = dying_commit
sys.argv = ["widget", "serve"]
main()
