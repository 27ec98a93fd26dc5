"""Golden for enlarging and shrinking: what Pillow makes of made-up pixels. Writes fixtures/golden/resize.json.

    python scripts/golden/resize.py

Needs: pillow, numpy.
"""

import json
import platform
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

FILTERS = {
    "cubic": Image.Resampling.BICUBIC,
    "linear": Image.Resampling.BILINEAR,
    "lanczos3": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}


def pixels(height, width):
    """[height, width, 3] uint8: waves with some texture."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((x * (13 + c) + y * 29 + ((x * y) >> 2) * (3 - c)) & 255).astype(np.uint8)


def main():
    cases = []
    for name, kernel in FILTERS.items():
        for height, width, size in [(9, 11, 16), (16, 8, 16), (13, 13, 14), (40, 33, 12)]:
            if height > size and name != "nearest":
                continue  # shrinking is libvips' part
            resized = np.asarray(Image.fromarray(pixels(height, width)).resize((size, size), kernel))
            cases.append({"filter": name, "height": height, "width": width, "size": size, "pixels": resized.tobytes().hex()})
    golden = {
        "recipe": "scripts/golden/resize.py",
        "versions": {"python": platform.python_version(), "pillow": PIL.__version__, "numpy": np.__version__},
        "cases": cases,
    }
    target = Path(__file__).resolve().parents[2] / "fixtures/golden/resize.json"
    target.write_text(json.dumps(golden) + "\n")
    print(target.name, len(cases), "cases")


if __name__ == "__main__":
    main()
