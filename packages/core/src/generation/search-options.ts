/**
 * What a search may be asked, and what it gives. The same meaning for every backend:
 * - The log-probability of token v is float32(logit_v − log Z), log Z = max + log Σ exp(logit − max), taken in float64. A hypothesis' score is the
 *   float64 sum of its log-probabilities under the model's own distribution; `<end>` counts in score and length. Bans take candidates away, they do
 *   not renormalise.
 * - A candidate is a live hypothesis with an allowed next token whose log-probability is finite. The best candidate has the highest score; of equal
 *   ones, the lower token id goes first, then the hypothesis from the lower beam.
 * - At each step the 2 × beamWidth best candidates of an image (over all its live hypotheses) are looked at in order, all of them: one that is `<end>`
 *   is finished and goes into the list of the nBest finished hypotheses; the others fill the next beam until it holds beamWidth, the rest are
 *   dropped. So finished hypotheses never starve the beam.
 * - beamWidth 1 is greedy search: only the best candidate is looked at, so the first `<end>` ends the caption.
 * - The list is ordered by length-penalised score; of equal ones the earlier finished goes first, and once nBest are in it, a hypothesis that only
 *   equals the last of them does not enter.
 * - The search of an image stops when the list is full and no live hypothesis can beat its last one, whatever follows; or when no live hypothesis is
 *   left; or when a step finds no candidate; or at maxLength. The bound of a live hypothesis is its score after the penalty of the length that is
 *   kindest to it: maxLength for α ≥ 0, max(length + 1, minLength) for α < 0; a bound that only equals the last one cannot beat it. The bound is
 *   exact: stopping early never changes the result.
 * - If fewer than nBest have finished then, the live hypotheses (those of the step before, if a step found no candidate) follow the finished ones in
 *   beam order, marked `endedByMaxLength`.
 * - The forced prefix stands above all other rules: at its positions its token is the only one allowed. Its tokens count in score, length and n-grams.
 */
export interface SearchOptions {
  /** Live hypotheses per image; 1 = greedy. */
  readonly beamWidth: number;
  /** Most tokens of a caption, `<end>` counted. */
  readonly maxLength: number;
  /** Fewest tokens, `<end>` counted: `<end>` is banned while length + 1 < minLength. */
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
  /** How much the caption has in common with the others that were found, 0 … 1; where captions were chosen by consensus, and ordered by it. */
  readonly consensus?: number;
  /** Per token: attention over the grid's cells, where it was asked for. */
  readonly attention?: readonly Float32Array[];
}

/** The n-best captions of one image, best first. */
export interface Generated {
  readonly captions: readonly GeneratedCaption[];
}
