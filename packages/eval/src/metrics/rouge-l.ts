/** ROUGE-L (Lin 2004) as coco-caption computes it: best precision and best recall over the references, each on its own, beta 1.2. */
import type { Corpus } from "../corpus.js";
import { meanScores, type Scorer } from "../scorer.js";

const BETA_SQUARED = 1.2 ** 2;

/** ROUGE-L, in 0..1; the corpus value is the mean over images. */
export function rougeL(): Scorer {
  return { name: "ROUGE-L", key: "ROUGE_L", details: [], score: (corpus) => meanScores(scoreSegments(corpus)) };
}

function scoreSegments(corpus: Corpus): Float64Array {
  return Float64Array.from(corpus.pairs, (pair) => {
    const candidate = corpus.blankSplit(pair.candidate);
    let precision = 0;
    let recall = 0;
    for (const reference of pair.references) {
      const words = corpus.blankSplit(reference);
      const common = longestCommonSubsequence(candidate, words);
      precision = Math.max(precision, common / candidate.length);
      recall = Math.max(recall, common / words.length);
    }
    if (precision === 0 || recall === 0) return 0;
    return ((1 + BETA_SQUARED) * precision * recall) / (recall + BETA_SQUARED * precision);
  });
}

let rowBuffer = new Int32Array(64);

/** Length of the longest common subsequence; one row of the dynamic programme is enough. */
function longestCommonSubsequence(a: Int32Array, b: Int32Array): number {
  if (rowBuffer.length <= b.length) rowBuffer = new Int32Array(2 * b.length + 1);
  const row = rowBuffer.fill(0, 0, b.length + 1);
  for (let i = 0; i < a.length; i++) {
    let diagonal = 0;
    const word = a[i]!;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      if (word === b[j - 1]) row[j] = diagonal + 1;
      else if (row[j - 1]! > above) row[j] = row[j - 1]!;
      diagonal = above;
    }
  }
  return row[b.length]!;
}
