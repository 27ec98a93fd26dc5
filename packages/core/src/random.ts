import { philox4x32 } from "./decoder/dropout-mask.js";

/**
 * A stream of random numbers that is a pure function of (seed, stream, position): saving `position` saves everything, so a resumed run draws what the
 * run that was never stopped would have drawn. Philox4x32-10, one counter step per number.
 */
export class Random {
  readonly seed: number;
  readonly stream: number;
  /** Numbers drawn so far. */
  position: number;
  private readonly words = new Uint32Array(4);

  /** @param stream keeps streams of one seed apart: shuffling, views, initialisation, sampling. */
  constructor(seed: number, stream = 0, position = 0) {
    this.seed = seed;
    this.stream = stream;
    this.position = position;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    this.draw();
    return ((this.words[0]! >>> 5) * 67_108_864 + (this.words[1]! >>> 6)) / 9_007_199_254_740_992;
  }

  /** Standard normal (Box & Muller 1958). */
  normal(): number {
    this.draw();
    const radius = Math.sqrt(-2 * Math.log((this.words[0]! + 1) / 4_294_967_297));
    return radius * Math.cos((2 * Math.PI * this.words[1]!) / 4_294_967_296);
  }

  /** Uniform integer in [0, limit). */
  integer(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** Fisher & Yates, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      [items[last], items[other]] = [items[other]!, items[last]!];
    }
    return items;
  }

  private draw(): void {
    const low = this.position >>> 0;
    const high = Math.floor(this.position / 2 ** 32) >>> 0;
    this.position += 1;
    philox4x32(this.words, low, high, this.stream, 0, this.seed >>> 0, Math.floor(this.seed / 2 ** 32) >>> 0);
  }
}
