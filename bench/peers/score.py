"""Peer of `pnpm bench score`: pycocoevalcap with its Java tools, one cold process for one scoring.

python score.py PAIRS.json RESULT.json none|full     (pip install pycocoevalcap; needs Java)
"""

import importlib.metadata
import json
import pathlib
import resource
import subprocess
import sys
import time

START = time.perf_counter()

import pycocoevalcap
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

FOLDER = pathlib.Path(list(pycocoevalcap.__path__)[0]) / "meteor"


def meteor(candidates, references, arguments):
    """As pycocoevalcap's meteor.py talks to the jar, with a choice of matchers."""
    command = ["java", "-jar", "-Xmx2G", "meteor-1.5.jar", "-", "-", "-stdio", "-l", "en", "-norm", *arguments]
    program = subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8")
    statistics = []
    for image, (candidate,) in candidates.items():
        line = " ||| ".join(["SCORE", *references[image], candidate.replace("|||", "").replace("  ", " ")])
        program.stdin.write(line + "\n")
        program.stdin.flush()
        statistics.append(program.stdout.readline().strip())
    program.stdin.write("EVAL ||| " + " ||| ".join(statistics) + "\n")
    program.stdin.flush()
    for _ in statistics:
        program.stdout.readline()
    score = float(program.stdout.readline())
    program.stdin.close()
    program.wait()
    return score


def main():
    source, target, table = sys.argv[1:]
    pairs = json.loads(pathlib.Path(source).read_text(encoding="utf-8"))
    seconds = {"import": time.perf_counter() - START}

    def timed(part, work):
        start = time.perf_counter()
        result = work()
        seconds[part] = time.perf_counter() - start
        return result

    tokenizer = PTBTokenizer()
    references, candidates = timed(
        "tokenizer",
        lambda: (
            tokenizer.tokenize({pair["id"]: [{"caption": text} for text in pair["references"]] for pair in pairs}),
            tokenizer.tokenize({pair["id"]: [{"caption": pair["candidate"]}] for pair in pairs}),
        ),
    )
    bleu = timed("BLEU", lambda: Bleu(4).compute_score(references, candidates, verbose=0)[0])
    matchers = [] if table == "full" else ["-m", "exact stem synonym", "-w", "1.0 0.6 0.8"]
    corpus = {f"Bleu_{order + 1}": score for order, score in enumerate(bleu)}
    corpus["METEOR" if table == "full" else "METEOR (no paraphrases)"] = timed("METEOR", lambda: meteor(candidates, references, matchers))
    corpus["ROUGE_L"] = float(timed("ROUGE-L", lambda: Rouge().compute_score(references, candidates)[0]))
    corpus["CIDEr"] = float(timed("CIDEr", lambda: Cider().compute_score(references, candidates)[0]))
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    version = f"pycocoevalcap {importlib.metadata.version('pycocoevalcap')}, Python {sys.version.split()[0]}"
    pathlib.Path(target).write_text(json.dumps({"version": version, "corpus": corpus, "seconds": seconds, "peakBytes": peak * 1024}), encoding="utf-8")


if __name__ == "__main__":
    main()
