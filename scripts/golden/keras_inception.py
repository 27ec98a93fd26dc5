"""Golden for the import of Keras Inception v3: features of one made-up photo under made-up weights.

Every weight is a function of its layer and its place, so that whoever tests the importer makes the same 22 million weights and no file travels.
Writes fixtures/golden/keras-inception-v3.json; with --h5 also the weights, in the layout of the files that keras.applications downloads.

    python scripts/golden/keras_inception.py [--h5 weights.h5] [--load weights.h5]

Needs: tensorflow-cpu (Keras 3), h5py, numpy. --load takes the weights from a file of that layout instead of making them.
"""

import argparse
import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[2]
SIZE = 299


def noise(stream, count):
    """Uniform in [-0.5, 0.5): a multiplicative hash of (stream, index), finished as MurmurHash3 does."""
    mask = np.uint64(0xFFFFFFFF)
    h = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(stream) * np.uint64(0x9E3779B9)) & mask
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(0x85EBCA6B)) & mask
    h ^= h >> np.uint64(13)
    h = (h * np.uint64(0xC2B2AE35)) & mask
    h ^= h >> np.uint64(16)
    return h.astype(np.float64) / 2**32 - 0.5


def fill(model):
    """Convolutions and their normalisations, paired and numbered in the order they were created."""
    number = lambda layer: int(layer.name.rsplit("_", 1)[1]) if layer.name[-1].isdigit() and "_" in layer.name else 0
    order = lambda kind: sorted((l for l in model.layers if isinstance(l, kind)), key=lambda l: number(l) if l.name != "conv2d" else 0)
    convolutions = order(keras.layers.Conv2D)
    norms = order(keras.layers.BatchNormalization)
    assert len(convolutions) == len(norms) == 94
    for index, (convolution, norm) in enumerate(zip(convolutions, norms)):
        shape = convolution.kernel.shape
        fan_in = shape[0] * shape[1] * shape[2]
        kernel = noise(4 * index, int(np.prod(shape))) * np.sqrt(24 / fan_in)
        convolution.set_weights([kernel.reshape(shape).astype(np.float32)])
        beta, mean, variance = (noise(4 * index + part, shape[3]) for part in (1, 2, 3))
        norm.set_weights([(0.2 * beta).astype(np.float32), (0.2 * mean).astype(np.float32), (1 + variance).astype(np.float32)])


def photo():
    """[SIZE, SIZE, 3] uint8: waves with some texture."""
    y, x, c = np.meshgrid(np.arange(SIZE), np.arange(SIZE), np.arange(3), indexing="ij")
    return ((x * (c + 1) + y * 2 + ((x * y) >> 5) * (3 - c)) & 255).astype(np.uint8)


def save_downloadable(model, path):
    """The layout of keras.applications' files: layer_names, one group a layer with weight_names, names ending in ':0'."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name.encode() for layer in model.layers])
        file.attrs["backend"] = b"tensorflow"
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = np.array([name.encode() for name in names], dtype="S")
            for name, weight in zip(names, layer.weights):
                group[name] = weight.numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--h5", help="write the weights here")
    parser.add_argument("--load", help="read the weights from here")
    arguments = parser.parse_args()
    model = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    if arguments.load:
        model.load_weights(arguments.load)
    else:
        fill(model)
    pixels = keras.applications.inception_v3.preprocess_input(photo()[None].astype(np.float32))
    grid = model.predict(pixels, verbose=0)[0].astype(np.float64).reshape(64, 2048)
    if arguments.h5:
        save_downloadable(model, arguments.h5)
    if arguments.load:
        print("pooled", grid.mean(0)[:8])
        return
    golden = {
        "recipe": "scripts/golden/keras_inception.py",
        "versions": {"python": platform.python_version(), "keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__},
        "pooled": [round(float(v), 6) for v in grid.mean(0)],
        "gridCellMeans": [round(float(v), 6) for v in grid.mean(1)],
        "gridCorner": {"cell": 7, "values": [round(float(v), 6) for v in grid[7, :256]]},
    }
    target = ROOT / "fixtures/golden/keras-inception-v3.json"
    target.write_text(json.dumps(golden) + "\n")
    print(target.relative_to(ROOT), "pooled mean", grid.mean(), "max", grid.max(), "zeros", (grid == 0).mean())


if __name__ == "__main__":
    main()
