"""`widget serve` that kills itself with SIGKILL just before, or just after, its nth commit to the outbox.

python dying.py before|after N [FILE]

With FILE, commits are counted once that file exists.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from widget.cli.main import main

side, wanted = sys.argv[1], int(sys.argv[2])
begin = Path(sys.argv[3]) if len(sys.argv) > 3 else None
commits = count(1)


@event.listens_for(Engine, "commit")
def die(connection: Connection) -> None:
    if (begin is None or begin.exists()) and next(commits) == wanted:
        if side == "after":
            driver: Any = connection.connection.driver_connection
            driver.commit()  # on disk, but nobody was told
        os.kill(os.getpid(), signal.SIGKILL)


sys.argv = ["widget", "serve"]
main()
