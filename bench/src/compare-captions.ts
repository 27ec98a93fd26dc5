/** Captions of the same photos by two ways that should agree. */
import type { SplitCaption } from "@showtell/core";

/** Two captions whose normalised scores, in nats, are nearer than this are a tie that rounding may break either way. */
export const NEAR_TIE = 1e-5;

export interface Agreement {
  readonly photos: number;
  /** Photos with the same words. */
  readonly identical: number;
  /** Other words that score the same within NEAR_TIE. */
  readonly nearTies: number;
  readonly different: readonly CaptionDifference[];
}

export interface CaptionDifference {
  readonly image: string;
  readonly own: string;
  readonly other: string;
  readonly scoreDifference: number;
}

/** @param other captions of the same images in the same order */
export function compareCaptions(own: readonly SplitCaption[], other: readonly SplitCaption[]): Agreement {
  const unlike = own.flatMap((one, i) => {
    const two = other[i]!;
    const difference = scoreOf(one) - scoreOf(two);
    return tokensOf(one) === tokensOf(two)
      ? []
      : [{ image: one.image.id, own: one.caption, other: two.caption, scoreDifference: Math.abs(difference) }];
  });
  // Written so that NaN is a difference.
  const different = unlike.filter(({ scoreDifference }) => !(scoreDifference < NEAR_TIE));
  return {
    photos: own.length,
    identical: own.length - unlike.length,
    nearTies: unlike.length - different.length,
    different,
  };
}

function tokensOf({ generated }: SplitCaption): string {
  return (generated.captions[0]?.tokenIds ?? []).join(" ");
}

function scoreOf({ generated }: SplitCaption): number {
  return generated.captions[0]?.normalizedScore ?? Number.NaN;
}
