/** A live hypothesis and a next token. `rank` is what candidates are ordered by, the score in a plain search. */
export interface Candidate {
  readonly rank: number;
  readonly tokenId: number;
  /** Index of the hypothesis in its beam. */
  readonly beam: number;
}

/**
 * The best `capacity` of the candidates offered, found without sorting the rest: a binary heap whose root is the worst one kept.
 * Order: higher rank, then lower token id, then lower beam.
 */
export class TopCandidates {
  private readonly heap: Candidate[] = [];
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Ranks below it have no chance; −∞ while there is room. */
  get cutoff(): number {
    return this.heap.length < this.capacity ? Number.NEGATIVE_INFINITY : this.heap[0]!.rank;
  }

  offer(rank: number, tokenId: number, beam: number): void {
    const candidate = { rank, tokenId, beam };
    if (this.heap.length < this.capacity) {
      this.heap.push(candidate);
      this.siftUp(this.heap.length - 1);
    } else if (compareCandidates(candidate, this.heap[0]!) < 0) {
      this.heap[0] = candidate;
      this.siftDown();
    }
  }

  /** Best first. */
  sorted(): Candidate[] {
    return this.heap.toSorted(compareCandidates);
  }

  private siftUp(index: number): void {
    const { heap } = this;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (compareCandidates(heap[index]!, heap[parent]!) <= 0) return;
      [heap[index], heap[parent]] = [heap[parent]!, heap[index]!];
      index = parent;
    }
  }

  private siftDown(): void {
    const { heap } = this;
    let index = 0;
    for (;;) {
      let worst = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < heap.length && compareCandidates(heap[child]!, heap[worst]!) > 0) worst = child;
      }
      if (worst === index) return;
      [heap[index], heap[worst]] = [heap[worst]!, heap[index]!];
      index = worst;
    }
  }
}

/** Negative if `a` goes before `b`. */
function compareCandidates(a: Candidate, b: Candidate): number {
  return b.rank - a.rank || a.tokenId - b.tokenId || a.beam - b.beam;
}
