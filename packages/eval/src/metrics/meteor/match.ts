/** A pairing of words (or phrases) of one reference with words of the candidate. Positions count words from 0. */
export interface Match {
  /** Index into MATCHERS. */
  readonly matcher: number;
  readonly referenceStart: number;
  readonly referenceLength: number;
  readonly candidateStart: number;
  readonly candidateLength: number;
}

/** All possible matches of one candidate with one reference: the list of each reference position in the order the search tries them. */
export type MatchLists = readonly (readonly Match[])[];
