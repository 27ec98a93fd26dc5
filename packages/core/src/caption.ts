import type { GeneratedCaption } from "./generation/search-options.js";
import type { Vocabulary } from "./text/vocabulary.js";

export interface CaptionToken {
  /** As in the vocabulary; the last one of a complete caption is `<end>`. */
  readonly word: string;
  /** Natural logarithm of its probability, given the photo and the words before it. */
  readonly logProb: number;
  /** `[cells]` where it was asked for: how much of each cell of the photo, row by row from the top left, went into the word; sums to 1. */
  readonly attention?: Float32Array;
}

export interface Caption {
  readonly text: string;
  /** Their log-probabilities add up to `score`. */
  readonly tokens: readonly CaptionToken[];
  /** Log-probability of the whole caption. */
  readonly score: number;
  /** The score after the length penalty: what captions are ordered by. */
  readonly normalizedScore: number;
  /** Geometric mean of the tokens' probabilities, exp(score / tokens), 0 … 1: how sure the model is of its words, whatever their number. */
  readonly confidence: number;
  /**
   * How far the next caption lies behind, 1 − exp(its normalizedScore − this one's): 0 = equally good, 0.5 = half as probable after the length penalty.
   * With `consensus`, the share of it that the next caption lacks. Absent for the last caption. Negative only before a caption that was cut by maxLength, which comes last whatever its score.
   */
  readonly margin?: number;
  readonly endedByMaxLength: boolean;
  /** With the option `consensus`: how much the caption has in common with all that were found, 0 … 1. Captions are then ordered by it. */
  readonly consensus?: number;
}

/**
 * Words and figures of the generated captions of one image.
 * @param generated best first
 */
export function toCaptions(generated: readonly GeneratedCaption[], vocabulary: Vocabulary): Caption[] {
  return generated.map((caption, index) => {
    const { tokenIds, logProbs, score, normalizedScore, endedByMaxLength, consensus, attention } = caption;
    const runnerUp = generated[index + 1];
    return {
      text: vocabulary.decode(tokenIds),
      tokens: tokenIds.map((tokenId, position) => {
        const weights = attention?.[position];
        return {
          word: vocabulary.tokens[tokenId]!,
          logProb: logProbs[position]!,
          ...(weights && { attention: weights }),
        };
      }),
      score,
      normalizedScore,
      confidence: Math.exp(score / Math.max(1, tokenIds.length)),
      ...(runnerUp && { margin: marginBefore(runnerUp, caption) }),
      endedByMaxLength,
      ...(consensus !== undefined && { consensus }),
    };
  });
}

function marginBefore(next: GeneratedCaption, caption: GeneratedCaption): number {
  if (caption.consensus !== undefined && next.consensus !== undefined) {
    return caption.consensus === 0 ? 0 : 1 - next.consensus / caption.consensus;
  }
  return 1 - Math.exp(next.normalizedScore - caption.normalizedScore);
}
