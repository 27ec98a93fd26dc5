"""What the contenders of a benchmark share: the arrays of the workload and the talk in JSON lines."""

import json
import sys
import time
from pathlib import Path


def fail(reason):
    print(json.dumps({"unavailable": reason}), flush=True)
    sys.exit(0)


try:
    import numpy
except ImportError:
    fail("numpy is not installed")


class Workload:
    def __init__(self, directory):
        self.description = json.loads((directory / "workload.json").read_text())
        self.buffer = (directory / "arrays.bin").read_bytes()

    def case(self, kind, name):
        return next(case for case in self.description[kind] if case["name"] == name)

    def names(self, prefix):
        return [name for name in self.description["arrays"] if name.startswith(prefix)]

    def array(self, name):
        entry = self.description["arrays"][name]
        count = int(numpy.prod(entry["shape"]))
        return numpy.frombuffer(self.buffer, entry["dtype"], count, entry["offset"]).reshape(entry["shape"]).copy()

    def optional(self, name):
        return self.array(name) if name in self.description["arrays"] else None


def serve(introduction, answer):
    """Introduces the contender, then answers each request; `answer` takes the request's dictionary."""
    print(json.dumps(introduction), flush=True)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # the benchmark decides what to do about it
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


class Clock:
    """Wall and processor time since it was made."""

    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def stop(self):
        return {"seconds": time.perf_counter() - self.wall, "cpuSeconds": time.process_time() - self.cpu}


def workload_directory():
    return Path(sys.argv[-1])
