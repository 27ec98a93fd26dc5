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
  let paths: Path[] = [{ taken: undefined, covered: 0, chunks: 0, distance: 0, position: 0, chunkEnd: -1 }];
  lists.forEach((matches, position) => {
    const next: Path[] = [];
    for (const path of best(paths)) advance(path, position, matches, fixed, next);
    paths = next;
  });
  const finalists = best(paths);
  for (const path of finalists) closeChunk(path);
  return chosen(best(finalists)[0]!);
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

function advance(path: Path, position: number, matches: readonly Match[], fixed: FixedMatches, next: Path[]): void {
  // Inside a longer match nothing is decided and nothing is added again.
  if (position < path.position) {
    next.push(path);
    return;
  }
  const certain = fixed.at[position];
  if (certain !== undefined) {
    take(path, certain);
    path.distance += distanceOf(certain);
    next.push(path);
    return;
  }
  for (const match of matches) {
    if (!isFree(match, path, fixed)) continue;
    const child = copyOf(path);
    take(child, match);
    // The distance goes to the parent, not to the child: later siblings and the path that skips this position carry it.
    path.distance += distanceOf(match);
    next.push(child);
  }
  closeChunk(path);
  path.position = position + 1;
  next.push(path);
}

/** Spelled out, because this is the innermost allocation of METEOR. */
function copyOf({ taken, covered, chunks, distance, position, chunkEnd }: Path): Path {
  return { taken, covered, chunks, distance, position, chunkEnd };
}

function take(path: Path, match: Match): void {
  if (path.chunkEnd !== -1 && match.candidateStart !== path.chunkEnd) path.chunks++;
  const weight = SEARCH_WEIGHTS[match.matcher]!;
  path.covered += Math.trunc(match.referenceLength * weight) + Math.trunc(match.candidateLength * weight);
  path.chunkEnd = match.candidateStart + match.candidateLength;
  path.position = match.referenceStart + match.referenceLength;
  path.taken = { match, previous: path.taken };
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
function isFree(match: Match, path: Path, fixed: FixedMatches): boolean {
  for (let k = 0; k < match.referenceLength; k++) if (fixed.referenceUsed[match.referenceStart + k] === 1) return false;
  const start = match.candidateStart;
  const end = start + match.candidateLength;
  for (let k = start; k < end; k++) if (fixed.candidateUsed[k] === 1) return false;
  for (let chain = path.taken; chain !== undefined; chain = chain.previous) {
    const other = chain.match;
    if (start < other.candidateStart + other.candidateLength && other.candidateStart < end) return false;
  }
  return true;
}

/** The beam: best first, equals in the order they arose. Insertion sort, because paths come nearly sorted. */
function best(paths: Path[]): Path[] {
  for (let i = 1; i < paths.length; i++) {
    const path = paths[i]!;
    let at = i;
    while (at > 0 && isBetter(path, paths[at - 1]!)) {
      paths[at] = paths[at - 1]!;
      at--;
    }
    paths[at] = path;
  }
  if (paths.length > BEAM_WIDTH) paths.length = BEAM_WIDTH;
  return paths;
}

function isBetter(a: Path, b: Path): boolean {
  if (a.covered !== b.covered) return a.covered > b.covered;
  return a.chunks !== b.chunks ? a.chunks < b.chunks : a.distance < b.distance;
}

function chosen(path: Path): Match[] {
  const matches: Match[] = [];
  for (let chain = path.taken; chain !== undefined; chain = chain.previous) matches.push(chain.match);
  return matches.reverse();
}
