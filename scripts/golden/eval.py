"""Writes fixtures/golden/eval.json: captions made up for this project and what the reference programs print for them.

    pip install pycocoevalcap==1.2        (brings PTBTokenizer 3.4.1 and METEOR 1.5; needs Java)
    python scripts/golden/eval.py

The paraphrase table is made up too: METEOR's own is large and under another licence.
"""

import gzip
import importlib.metadata
import json
import os
import pathlib
import subprocess
import tempfile

import pycocoevalcap
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

FOLDER = pathlib.Path(list(pycocoevalcap.__path__)[0])
OUTPUT = pathlib.Path(__file__).parents[2] / "fixtures" / "golden" / "eval.json"

# id, candidate, references
IMAGES = [
    ("harbour", "A fisherman mends his net beside a blue boat.", ["A man repairs a fishing net next to a blue boat.", "An old fisherman is mending nets on the quay.", "Someone sits by a boat and fixes a net."]),
    ("market", "two women are buying oranges at the market", ["Two women buy oranges at a market stall.", "A pair of women pick fruit from a stand.", "Women shopping for oranges outdoors."]),
    ("snow", "A dog runs through the snow with a stick in its mouth.", ["A dog runs through the snow with a stick in its mouth.", "A brown dog is running in deep snow.", "The dog carries a stick across a snowy field.", "Dog playing in snow."]),
    ("chess", "Old men play chess in the park", ["Four elderly men playing chess outside.", "Men are absorbed in a game of chess in a park."]),
    ("kite", "The the the kite kite", ["A child flies a red kite on the beach.", "A kid in yellow boots holds the string of a kite."]),
    ("train", "A train is next to the platform", ["A steam train waits beside a platform.", "The locomotive stands at the station, steaming.", "A train was near the platform at dawn."]),
    ("cafe", "She's drinking coffee; it isn't hot!", ["A woman drinks coffee in a café.", "“Too hot,” she said about her coffee.", "It's a woman with a cup of coffee -- isn't it?"]),
    ("race", "Runner No. 12 wins the 3.5 km race at 9:30 a.m.", ["Runner number 12 crosses the finish line first.", "At 9:30 a.m. the winner of the 3.5 km race raises her arms.", "Mr. Hall's daughter wins (again)."]),
    ("roof", "A cat on a roof", ["A cat on a roof", "A grey cat lies on the tiles in the sun."]),
    ("jump", "boy jumping", ["A boy jumps over a puddle.", "The child leapt across the water."]),
    ("band", "A rock'n'roll band plays in front of a crowd of people", ["A rock 'n' roll band performs before people.", "Musicians play for a crowd.", "A five-piece band on a half-lit stage can't stop playing."]),
    ("bread", "Freshly baked loaves cooling upon the wooden table", ["Fresh loaves of bread cool on a wooden table.", "Baker's bread, straight from the oven, $4.50 each."]),
    ("bridge", "Cyclists ride across a long bridge during sunset", ["Several cyclists crossing a bridge at sunset.", "People on bikes go over the bridge in the evening light."]),
    ("swim", "Children swim in the lake", ["Kids are swimming in a body of water.", "Three children splash about in the lake."]),
    ("odd", "Zebras!", ["An empty street at night.", "A street lamp shines on wet cobblestones."]),
    ("goat", "A goat stands on the on the on the wall", ["A white goat balances on a stone wall.", "The goat is standing atop of the wall."]),
    ("piano", "A girl in a green dress plays the piano for her grandparents", ["A young girl playing piano for her grandmother and grandfather.", "The girl's grandparents listen while she plays.", "A girl, dressed in green, sits at a grand piano."]),
    ("tower", "tourists photograph a tall tower", ["Tourists taking photographs of a high tower.", "A group of people look up at the tower and take pictures."]),
    ("yard", "The mechanic has been repairing an engine in the yard", ["A mechanic was repairing the engine outside.", "A man in overalls fixes a motor in his yard."]),
    ("email", "Write to team@example.org or see www.example.org & co. #sale", ["A sign says: write to team@example.org!", "A poster with a web address, a hash-tag #sale and the U.S. flag."]),
]

PARAPHRASES = [
    ("a body of water", "the lake"),
    ("a crowd of people", "people"),
    ("at sunset", "during sunset"),
    ("atop of", "on"),
    ("atop of", "upon"),
    ("during sunset", "at sunset"),
    ("during sunset", "in the evening light"),
    ("has been", "was"),
    ("in front of", "before"),
    ("next to", "beside"),
    ("next to", "near"),
    ("upon the", "on a"),
    ("was", "has been"),
]

STRINGS = [
    "It's the dog's -- isn't it?", "cannot wanna gonna 'tis 'twas y'all o'clock", "He said \"stop\" and left...", "(one) [two] {three}", "3/4 cup, 1 1/2 cups & ½ cup",
    "$5 £5 €5 50% #fun @home", "Mr. Bean vs. Dr. Who, etc.", "U.S.-based A.M. e.g. i.e. a.b", "well-known T-shirt a/b http://a.example/b?c=d", "“curly” ‘quotes’ — and–dashes…",
    "!!! ??? ?! .. ....", "the '90s and 1980's kids' toys", "5'10\" tall", ":-) ;) C++ C#", "naïve café 中文", "&amp; &lt; &quot;", "Pretty *bold* __text__ ~", "No. 5 and no. Five", "call 555-1234 now", "Two dogs,one cat.No birds",
]


def meteor(candidates, references, arguments):
    command = ["java", "-jar", str(FOLDER / "meteor" / "meteor-1.5.jar"), "-", "-", "-stdio", "-l", "en", "-norm", *arguments]
    with subprocess.Popen(command, cwd=FOLDER / "meteor", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8") as program:
        def ask(line):
            program.stdin.write(line + "\n")
            program.stdin.flush()
            return program.stdout.readline().strip()

        statistics = [ask(" ||| ".join(["SCORE", *own, candidate.replace("|||", "").replace("  ", " ")])) for candidate, own in zip(candidates, references)]
        program.stdin.write("EVAL ||| " + " ||| ".join(statistics) + "\n")
        program.stdin.flush()
        segments = [float(program.stdout.readline()) for _ in statistics]
        corpus = float(program.stdout.readline())
        program.stdin.close()
    return {"corpus": corpus, "segments": segments, "statistics": [[float(n) for n in row.split()] for row in statistics]}


def main():
    ids = [image for image, _, _ in IMAGES]
    tokenizer = PTBTokenizer()
    references = tokenizer.tokenize({image: [{"caption": text} for text in own] for image, _, own in IMAGES})
    candidates = tokenizer.tokenize({image: [{"caption": text}] for image, text, _ in IMAGES})
    strings = [tokenizer.tokenize({0: [{"caption": text}], 1: [{"caption": "x"}]})[0][0] for text in STRINGS]
    scores = {}
    bleu, bleu_segments = Bleu(4).compute_score(references, candidates, verbose=0)
    for order in range(4):
        scores[f"Bleu_{order + 1}"] = {"corpus": bleu[order], "segments": bleu_segments[order]}
    for key, scorer in (("ROUGE_L", Rouge()), ("CIDEr", Cider())):
        corpus, segments = scorer.compute_score(references, candidates)
        scores[key] = {"corpus": float(corpus), "segments": [float(score) for score in segments]}
    first = [candidates[image][0] for image in ids]
    own = [references[image] for image in ids]
    scores["METEOR (no paraphrases)"] = meteor(first, own, ["-m", "exact stem synonym", "-w", "1.0 0.6 0.8"])
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "paraphrases.gz")
        with gzip.open(table, "wt", encoding="utf-8") as file:
            file.write("".join(f"0.5\n{left}\n{right}\n" for left, right in sorted(PARAPHRASES)))
        scores["METEOR"] = meteor(first, own, ["-a", table])
    java = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.splitlines()[0]
    document = {
        "recipe": "scripts/golden/eval.py",
        "versions": {"pycocoevalcap": importlib.metadata.version("pycocoevalcap"), "java": java},
        "images": [{"id": image, "candidate": text, "references": own} for image, text, own in IMAGES],
        "tokenized": [{"id": image, "candidate": candidates[image][0], "references": references[image]} for image in ids],
        "strings": [{"text": text, "tokenized": tokens} for text, tokens in zip(STRINGS, strings)],
        "paraphrases": sorted(PARAPHRASES),
        "scores": scores,
    }
    temporary = OUTPUT.with_suffix(".new")
    temporary.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    temporary.replace(OUTPUT)


if __name__ == "__main__":
    main()
