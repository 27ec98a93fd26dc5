"""The roofline of `pnpm bench train`: the bare matrix products of a training step on OpenBLAS, nothing else."""

import ctypes
import ctypes.util
import json
import os

from protocol import Clock, fail, serve, workload_directory

import numpy

ROW_MAJOR, NO_TRANSPOSE = 101, 111


def open_blas():
    """The OpenBLAS that the addon would find: the one the variable names, else the system's."""
    chosen = os.environ.get("SHOWTELL_BLAS")
    names = [chosen if chosen not in ("auto", "none") else None, ctypes.util.find_library("openblas"), "libopenblas.so.0", "libopenblas.dylib"]
    for name in names:
        if not name:
            continue
        try:
            return ctypes.CDLL(name), name
        except OSError:
            continue
    return fail("no OpenBLAS was found")


blas, blas_name = open_blas()
cases = json.loads((workload_directory() / "gemms.json").read_text())
largest = max(max(g["m"] * g["k"], g["k"] * g["n"], g["m"] * g["n"]) for case in cases.values() for batch in case["batches"] for g in batch)
a, b, c = (numpy.full(largest, 0.5, numpy.float32) for _ in range(3))


def sgemm(m, n, k):
    pointer = [array.ctypes.data_as(ctypes.c_void_p) for array in (a, b, c)]
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    blas.cblas_sgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, m, n, k, one, pointer[0], k, pointer[1], n, zero, pointer[2], n)


def answer(request):
    blas.openblas_set_num_threads(request["threads"])
    batches = cases[request["case"]]["batches"]
    shapes = [
        (g["m"], g["n"], g["k"])
        for index in range(request["iterations"])
        for g in batches[index % len(batches)]
        for _ in range(g["count"])
    ]
    clock = Clock()
    for shape in shapes:
        sgemm(*shape)
    return clock.stop()


serve({"description": f"cblas_sgemm of {blas_name}", "versions": {}}, answer)
