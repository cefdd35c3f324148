"""Describes the machine of a measurement in words."""

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import httpx
import starlette
import uvicorn

BUSY = "busy at the beginning"


def describe(place: Path) -> Mapping[str, str]:
    """Processor, memory, system and disk. `place` is a folder on the database's disk."""
    memory = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / 1e9:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": f"starlette {starlette.__version__}, uvicorn {uvicorn.__version__}, httpx {httpx.__version__}",
        "file system of the database": _file_system(place),
        "`fdatasync` of 4 kB there": f"{1000 * _sync_time(place):.2f} ms (median of 200)",
        BUSY: f"{os.getloadavg()[0]:.1f} processes (load average of a minute)",
    }


def _file_system(place: Path) -> str:
    """The type of a folder's file system."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    around = [(point, kind) for point, kind in mounts if place.resolve().is_relative_to(point)]
    return max(around, key=lambda mount: len(mount[0]))[1]


def _sync_time(place: Path) -> float:
    """Seconds until a small write is on the disk."""
    times = []
    with (place / "sync").open("wb", buffering=0) as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return median(times)
