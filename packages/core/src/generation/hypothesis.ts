import { normalizeScore } from "./length-penalty.js";
import type { GeneratedCaption, SearchOptions } from "./search-options.js";

/** A caption in the making: a token and the hypothesis before it, so that hypotheses of a beam share their beginnings. */
export class Hypothesis {
  /** Where the decoder's state of this hypothesis lies; set anew after every gather. */
  row: number;
  readonly parent: Hypothesis | undefined;
  readonly tokenId: number;
  readonly logProb: number;
  readonly score: number;
  /** In tokens, `<start>` not counted. */
  readonly length: number;
  /** `[cells]`, of the step that chose the token. */
  readonly attention: Float32Array | undefined;

  private constructor(
    row: number,
    token?: { parent: Hypothesis; tokenId: number; logProb: number; attention?: Float32Array | undefined },
  ) {
    this.row = row;
    this.parent = token?.parent;
    this.tokenId = token?.tokenId ?? -1;
    this.logProb = token?.logProb ?? 0;
    this.score = token ? token.parent.score + token.logProb : 0;
    this.length = token ? token.parent.length + 1 : 0;
    this.attention = token?.attention;
  }

  /** Of no token yet. */
  static empty(row: number): Hypothesis {
    return new Hypothesis(row);
  }

  /** Keeps the parent's row: the state it must be gathered from. */
  extend(tokenId: number, logProb: number, attention: Float32Array | undefined): Hypothesis {
    return new Hypothesis(this.row, { parent: this, tokenId, logProb, attention });
  }

  tokenIds(): number[] {
    return this.path().map((hypothesis) => hypothesis.tokenId);
  }

  toCaption(search: SearchOptions, endedByMaxLength: boolean): GeneratedCaption {
    const path = this.path();
    const attention = path.flatMap((hypothesis) => hypothesis.attention ?? []);
    return {
      tokenIds: path.map((hypothesis) => hypothesis.tokenId),
      logProbs: path.map((hypothesis) => hypothesis.logProb),
      score: this.score,
      normalizedScore: normalizeScore(this.score, this.length, search),
      endedByMaxLength,
      ...(this.attention && { attention }),
    };
  }

  private path(): Hypothesis[] {
    const path = new Array<Hypothesis>(this.length);
    let hypothesis: Hypothesis | undefined = this;
    for (let index = this.length - 1; index >= 0; index--) {
      path[index] = hypothesis!;
      hypothesis = hypothesis!.parent;
    }
    return path;
  }
}
