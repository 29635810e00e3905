"""What every Python peer measures in the same way. A peer gives `step`, which does one step."""

import json
import os
import resource
import statistics
import sys
import time

spec = json.loads(sys.argv[1])
classes = 1000


def peak_mb():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(step):
    """Prints when the first step is done, then the figures of the steps within `spec["seconds"]`."""
    step()
    print(json.dumps({"first": True}), flush=True)
    for _ in range(spec["warmup"]):
        step()
    times, began, cpu = [], time.perf_counter(), time.process_time()
    while time.perf_counter() - began < spec["seconds"] or len(times) < 3:
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    images = spec["batch"] * len(times)
    print(
        json.dumps(
            {
                "imagesPerSecond": spec["batch"] / statistics.median(times),
                "cpuSecondsPerImage": (time.process_time() - cpu) / images,
                "peakMb": peak_mb(),
            }
        ),
        flush=True,
    )
    # Nothing that is torn down belongs to the measurement.
    os._exit(0)
