"""Photos to features with onnxruntime and Pillow, as one would write it in Python: decode, resize, run, one after the other.

usage: python encode.py ENCODER.onnx FOLDER        needs: numpy, pillow, onnxruntime
"""

import os
import resource
import sys
import time
from pathlib import Path

from protocol import fail, serve

try:
    import numpy
    import onnxruntime
    import PIL
    from PIL import Image, ImageOps
except ImportError as error:
    fail(str(error))

encoder_path, folder = sys.argv[1:]
photos = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
sessions = {}


def session(threads):
    if threads not in sessions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        sessions[threads] = onnxruntime.InferenceSession(encoder_path, options, providers=["CPUExecutionProvider"])
    return sessions[threads]


def pixels(path, size):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    return numpy.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def encode(request):
    network = session(request["threads"])
    size = network.get_inputs()[0].shape[1]
    batch = request["batchSize"]
    chosen = [photos[index % len(photos)] for index in range(request["images"])]
    total = 0.0
    started = time.perf_counter()
    for first in range(0, len(chosen), batch):
        images = numpy.stack([pixels(path, size) for path in chosen[first : first + batch]])
        features, grid = network.run(["features", "grid"], {"pixels": images})
        total += float(features.sum(dtype=numpy.float64))
    return {
        "seconds": time.perf_counter() - started,
        "sum": total,
        "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


serve(
    {
        "description": f"CPUExecutionProvider, {os.cpu_count()} processors",
        "versions": {"onnxruntime": onnxruntime.__version__, "pillow": PIL.__version__, "python": sys.version.split()[0]},
    },
    encode,
)
