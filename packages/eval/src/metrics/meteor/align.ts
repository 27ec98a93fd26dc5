/**
 * METEOR's search for the alignment with the most covered words, then the fewest chunks, then the smallest distance: a beam of 40 over reference positions.
 * Parity hangs on details that are not in the paper; each has its comment.
 */
import type { Match, MatchLists } from "./match.js";
import { BEAM_WIDTH, SEARCH_WEIGHTS } from "./parameters.js";

/** A match taken, and those taken before it. */
interface Chain {
  readonly match: Match;
  readonly previous: Chain | undefined;
}

interface Path {
  taken: Chain | undefined;
  /** Weighted words covered, as whole numbers: each addition truncates, so a one-word stem or synonym match adds nothing. */
  covered: number;
  chunks: number;
  distance: number;
  /** First reference position not inside the latest match. */
  position: number;
  /** Candidate position after the latest match, or -1 when no chunk is open. */
  chunkEnd: number;
}

/** The matches chosen, by reference position. */
export function align(lists: MatchLists, candidateLength: number): Match[] {
  const fixed = fixedMatches(lists, candidateLength);
  const taken = new TakenWords(candidateLength);
  let beam = new Beam();
  beam.offer({ taken: undefined, covered: 0, chunks: 0, distance: 0, position: 0, chunkEnd: -1 });
  lists.forEach((matches, position) => {
    const next = new Beam();
    for (const path of beam.paths) advance(path, position, matches, fixed, taken, next);
    beam = next;
  });
  const finalists = new Beam();
  for (const path of beam.paths) {
    closeChunk(path);
    finalists.offer(path);
  }
  return chosen(finalists.paths[0]!);
}

interface FixedMatches {
  /** The match fixed at a reference position, if there is one. */
  readonly at: readonly (Match | undefined)[];
  readonly referenceUsed: Uint8Array;
  readonly candidateUsed: Uint8Array;
}

/** A match is certain where a position offers only this one and nothing else touches its words on either side. */
function fixedMatches(lists: MatchLists, candidateLength: number): FixedMatches {
  const referenceCover = new Int32Array(lists.length);
  const candidateCover = new Int32Array(candidateLength);
  for (const matches of lists) {
    for (const match of matches) {
      for (let k = 0; k < match.referenceLength; k++) referenceCover[match.referenceStart + k]!++;
      for (let k = 0; k < match.candidateLength; k++) candidateCover[match.candidateStart + k]!++;
    }
  }
  const referenceUsed = new Uint8Array(lists.length);
  const candidateUsed = new Uint8Array(candidateLength);
  const at = lists.map((matches) => {
    const match = matches[0];
    if (match === undefined || matches.length > 1) return undefined;
    for (let k = 0; k < match.referenceLength; k++)
      if (referenceCover[match.referenceStart + k] !== 1) return undefined;
    for (let k = 0; k < match.candidateLength; k++)
      if (candidateCover[match.candidateStart + k] !== 1) return undefined;
    referenceUsed.fill(1, match.referenceStart, match.referenceStart + match.referenceLength);
    candidateUsed.fill(1, match.candidateStart, match.candidateStart + match.candidateLength);
    return match;
  });
  return { at, referenceUsed, candidateUsed };
}

/** The candidate's words that a path has taken. One array for all paths in turn, so that a match is tested without a walk through those before it. */
class TakenWords {
  private readonly turnOf: Int32Array;
  private turn = 0;

  constructor(candidateLength: number) {
    this.turnOf = new Int32Array(candidateLength);
  }

  read(path: Path): void {
    this.turn++;
    for (let chain = path.taken; chain !== undefined; chain = chain.previous) {
      const { candidateStart, candidateLength } = chain.match;
      for (let k = 0; k < candidateLength; k++) this.turnOf[candidateStart + k] = this.turn;
    }
  }

  has(word: number): boolean {
    return this.turnOf[word] === this.turn;
  }
}

function advance(
  path: Path,
  position: number,
  matches: readonly Match[],
  fixed: FixedMatches,
  taken: TakenWords,
  next: Beam,
): void {
  // Inside a longer match nothing is decided and nothing is added again.
  if (position < path.position) {
    next.offer(path);
    return;
  }
  const certain = fixed.at[position];
  if (certain !== undefined) {
    take(path, certain);
    path.distance += distanceOf(certain);
    next.offer(path);
    return;
  }
  if (matches.length > 0) taken.read(path);
  for (const match of matches) {
    if (!isFree(match, taken, fixed)) continue;
    // Most of many children have no place: only those that have are made.
    if (next.hasPlace(path.covered + coverOf(match), path.chunks + chunksEndedBy(match, path), path.distance)) {
      const child = copyOf(path);
      take(child, match);
      next.offer(child);
    }
    // The distance goes to the parent, not to the child: later siblings and the path that skips this position carry it.
    path.distance += distanceOf(match);
  }
  closeChunk(path);
  path.position = position + 1;
  next.offer(path);
}

/** Spelled out, because this is the innermost allocation of METEOR. */
function copyOf({ taken, covered, chunks, distance, position, chunkEnd }: Path): Path {
  return { taken, covered, chunks, distance, position, chunkEnd };
}

function take(path: Path, match: Match): void {
  path.chunks += chunksEndedBy(match, path);
  path.covered += coverOf(match);
  path.chunkEnd = match.candidateStart + match.candidateLength;
  path.position = match.referenceStart + match.referenceLength;
  path.taken = { match, previous: path.taken };
}

function chunksEndedBy(match: Match, { chunkEnd }: Path): number {
  return chunkEnd !== -1 && match.candidateStart !== chunkEnd ? 1 : 0;
}

function coverOf({ matcher, referenceLength, candidateLength }: Match): number {
  const weight = SEARCH_WEIGHTS[matcher]!;
  return Math.trunc(referenceLength * weight) + Math.trunc(candidateLength * weight);
}

function closeChunk(path: Path): void {
  if (path.chunkEnd === -1) return;
  path.chunks++;
  path.chunkEnd = -1;
}

function distanceOf(match: Match): number {
  return Math.abs(match.referenceStart - match.candidateStart);
}

/** Earlier matches of the path end before this reference position, so only certain ones can stand in the way on that side. */
function isFree(match: Match, taken: TakenWords, fixed: FixedMatches): boolean {
  for (let k = 0; k < match.referenceLength; k++) if (fixed.referenceUsed[match.referenceStart + k] === 1) return false;
  for (let k = 0; k < match.candidateLength; k++) {
    const word = match.candidateStart + k;
    if (fixed.candidateUsed[word] === 1 || taken.has(word)) return false;
  }
  return true;
}

/** The best paths, best first, equals in the order they were offered. */
class Beam {
  readonly paths: Path[] = [];

  /** Whether a path with these figures would be kept. */
  hasPlace(covered: number, chunks: number, distance: number): boolean {
    return this.paths.length < BEAM_WIDTH || isBetter({ covered, chunks, distance }, this.paths[BEAM_WIDTH - 1]!);
  }

  offer(path: Path): void {
    if (!this.hasPlace(path.covered, path.chunks, path.distance)) return;
    // From behind, because paths come nearly sorted.
    let at = Math.min(this.paths.length, BEAM_WIDTH - 1);
    for (; at > 0 && isBetter(path, this.paths[at - 1]!); at--) this.paths[at] = this.paths[at - 1]!;
    this.paths[at] = path;
  }
}

type Figures = Pick<Path, "covered" | "chunks" | "distance">;

function isBetter(a: Figures, b: Figures): boolean {
  if (a.covered !== b.covered) return a.covered > b.covered;
  return a.chunks !== b.chunks ? a.chunks < b.chunks : a.distance < b.distance;
}

function chosen(path: Path): Match[] {
  const matches: Match[] = [];
  for (let chain = path.taken; chain !== undefined; chain = chain.previous) matches.push(chain.match);
  return matches.reverse();
}
