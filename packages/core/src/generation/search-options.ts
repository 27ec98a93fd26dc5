/**
 * What a search may be asked, and what it gives. The same meaning for every backend:
 * - A hypothesis' score is its cumulative log-probability under the model's own distribution; `<end>` counts in score and length. Bans take candidates
 *   away, they do not renormalise.
 * - At each step the 2 × beamWidth best candidates of an image (over all its live hypotheses) are looked at in order: one that is `<end>` is finished and
 *   goes into the heap of the nBest finished hypotheses ordered by length-penalised score; the others fill the next beam until it holds beamWidth. So
 *   finished hypotheses never starve the beam.
 * - The search of an image stops when the heap is full and no live hypothesis can beat the worst one in it, whatever follows (the exact bound of the
 *   formula at maxLength), or when no live hypothesis is left, or at maxLength. If fewer than nBest have finished then, live ones follow the finished
 *   ones, ordered by their length-penalised score, marked `endedByMaxLength`.
 * - Equal scores: the lower token id goes first, then the hypothesis from the lower beam. A finished hypothesis that only equals the worst kept one does not enter.
 * Scores are float32 log-softmax values accumulated in float64.
 */
export interface SearchOptions {
  /** Live hypotheses per image; 1 = greedy. */
  readonly beamWidth: number;
  /** Most tokens of a caption, `<end>` counted. */
  readonly maxLength: number;
  /** Fewest tokens, `<end>` counted: `<end>` is banned before. */
  readonly minLength: number;
  /** Exponent α of the formula. */
  readonly lengthPenalty: number;
  /** `none`: score; `average`: score / length^α; `gnmt`: score / ((5 + length) / 6)^α (Wu et al. 2016, eq. 14). */
  readonly lengthPenaltyFormula: "none" | "average" | "gnmt";
  /** Captions returned per image, 1 … beamWidth. */
  readonly nBest: number;
  /** No n-gram of this length may occur twice in a caption; 0 = off. */
  readonly noRepeatNgramSize: number;
  /** Never generated, besides `<pad>`, `<start>` and `<unk>`. */
  readonly bannedTokens: readonly number[];
  /** Not allowed as the first word. */
  readonly forbiddenFirstWords: readonly number[];
  /** Required first words, in order; empty = free. */
  readonly forcedPrefix: readonly number[];
}

/** One caption of one image. */
export interface GeneratedCaption {
  /** Without `<start>`; ends in `<end>` unless cut. */
  readonly tokenIds: readonly number[];
  /** Log-probability of each token, given those before it (before any ban: of the model's own distribution). */
  readonly logProbs: readonly number[];
  /** Σ logProbs. */
  readonly score: number;
  /** The score after the length penalty: what hypotheses are ordered by. */
  readonly normalizedScore: number;
  readonly endedByMaxLength: boolean;
  /** Per token: attention over the grid's cells, where it was asked for. */
  readonly attention?: readonly Float32Array[];
}

/** The n-best captions of one image, best first. */
export interface Generated {
  readonly captions: readonly GeneratedCaption[];
}
