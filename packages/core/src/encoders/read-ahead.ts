import { AbortedError } from "../errors.js";

interface Slot<R> {
  readonly result: Promise<R>;
  settled: boolean;
}

/**
 * Works on the items of a source before their results are asked for: at most `limit` results are under way or waiting, and they come out in the
 * order of the source. A failure of the source or of `work` is thrown by `next()` when its turn comes.
 */
export class ReadAhead<T, R> {
  private readonly slots: Slot<R>[] = [];
  private ended = false;
  private closed = false;
  private notifyReader: () => void = () => {};
  private notifyPump: () => void = () => {};

  constructor(
    source: Iterable<T> | AsyncIterable<T>,
    work: (item: T) => Promise<R>,
    private readonly limit: number,
    private readonly signal?: AbortSignal,
  ) {
    void this.fill(source, work);
    signal?.addEventListener("abort", this.wakeBoth, { once: true });
  }

  /**
   * The next result, or undefined after the last.
   * @throws AbortedError once the signal is aborted.
   */
  async next(): Promise<{ value: R } | undefined> {
    while (this.slots.length === 0 && !this.ended && !this.stopped) {
      await new Promise<void>((resolve) => {
        this.notifyReader = resolve;
      });
    }
    if (this.signal?.aborted) throw new AbortedError("Stopped.");
    const slot = this.closed ? undefined : this.slots[0];
    if (slot === undefined) return undefined;
    try {
      return { value: await slot.result };
    } finally {
      this.slots.shift();
      this.notifyPump();
    }
  }

  /** Whether `next()` would answer at once. */
  get ready(): boolean {
    return this.slots[0]?.settled === true;
  }

  /** Takes nothing more from the source and ends the reader; work under way is left to end by itself. */
  close(): void {
    this.closed = true;
    this.signal?.removeEventListener("abort", this.wakeBoth);
    this.wakeBoth();
  }

  private readonly wakeBoth = (): void => {
    this.notifyReader();
    this.notifyPump();
  };

  private get stopped(): boolean {
    return this.closed || this.signal?.aborted === true;
  }

  private async fill(source: Iterable<T> | AsyncIterable<T>, work: (item: T) => Promise<R>): Promise<void> {
    try {
      for await (const item of source) {
        if (this.stopped) break;
        this.add(work(item));
        // Room is waited for before the source is asked: what it hands out may already cost memory.
        while (this.slots.length >= this.limit && !this.stopped) {
          await new Promise<void>((resolve) => {
            this.notifyPump = resolve;
          });
        }
        if (this.stopped) break;
      }
    } catch (error) {
      this.add(Promise.reject(error));
    }
    this.ended = true;
    this.notifyReader();
  }

  private add(result: Promise<R>): void {
    const slot: Slot<R> = { result, settled: false };
    const settle = () => {
      slot.settled = true;
    };
    result.then(settle, settle);
    this.slots.push(slot);
    this.notifyReader();
  }
}
