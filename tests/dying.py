"""`widget serve` that kills itself with SIGKILL just before, or just after, a commit to the outbox.

python dying.py before|after N [FILE]
python dying.py before|after accept

N counts the commits; with FILE, from when that file exists. `accept` is the first one that stores a submission.
"""

import os
import signal
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from widget.cli.main import main

side, wanted = sys.argv[1:3]
begin = Path(sys.argv[3]) if len(sys.argv) > 3 else None
commits = count(1)
accepting = threading.local()


@event.listens_for(Engine, "before_cursor_execute")
def note(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
    if statement.startswith("INSERT INTO submission ") and "claim" in statement:  # the health check's row has none
        accepting.now = True


def is_wanted() -> bool:
    """Whether the commit that is about to be made is the one to die at."""
    if wanted == "accept":
        return getattr(accepting, "now", False)
    return (begin is None or begin.exists()) and next(commits) == int(wanted)


@event.listens_for(Engine, "commit")
def die(connection: Connection) -> None:
    if is_wanted():
        if side == "after":
            driver: Any = connection.connection.driver_connection
            driver.commit()  # on disk, but nobody was told
        os.kill(os.getpid(), signal.SIGKILL)


sys.argv = ["widget", "serve"]
main()
