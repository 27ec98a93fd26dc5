"""Words as Keras 2.0.4 cuts them, for packages/core/src/text/tokenizer.test.ts.

    pip download --no-deps --no-binary :all: keras==2.0.4 && tar xzf Keras-2.0.4.tar.gz
    python scripts/golden/keras_tokenizer.py Keras-2.0.4/keras/preprocessing/text.py

Keras 2.0.4 itself does not import on current Python versions, so its function text_to_word_sequence is taken out of the file and run alone.
"""

import ast
import json
import pathlib
import platform
import random
import sys

ALPHABET = "aBcZ '9 -.,\t\n\r!?\u00a0É\u0130Σς#@~`éß\u2019狗_^|{}[]\\\"$%&()*+/:;<=>"
SEED = 1

source = ast.parse(pathlib.Path(sys.argv[1]).read_text(encoding="utf8"))
function = next(node for node in source.body if getattr(node, "name", "") == "text_to_word_sequence")
scope = {"maketrans": str.maketrans}
exec(compile(ast.Module([function], []), sys.argv[1], "exec"), scope)

draw = random.Random(SEED)
captions = ["".join(draw.choice(ALPHABET) for _ in range(draw.randrange(30))) for _ in range(300)]
golden = {
    "made by": "scripts/golden/keras_tokenizer.py",
    "versions": {"keras": "2.0.4", "python": platform.python_version()},
    "seed": SEED,
    "cases": [[caption, scope["text_to_word_sequence"](caption)] for caption in captions],
}
out = pathlib.Path(__file__).parents[2] / "fixtures/golden/keras-tokenizer.json"
out.write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf8")
print(f"{out.name}: {len(captions)} captions")
