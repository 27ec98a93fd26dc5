/** Runs calls one after another in the order they were made. */
export class CallQueue {
  private tail: Promise<unknown> = Promise.resolve();
  private pending = 0;

  /** Settles with the job; a job that fails does not stop the ones behind it. */
  run<T>(job: () => T | Promise<T>): Promise<T> {
    this.pending++;
    const result = this.tail.then(async () => {
      // Each call starts in a turn of its own, so that signals, timers and I/O are served between the calls of a long run.
      await new Promise((resolve) => setImmediate(resolve));
      return job();
    });
    const settle = () => {
      this.pending--;
    };
    this.tail = result.then(settle, settle);
    return result;
  }

  /** Runs `free` once every call made so far has settled; at once if there is none. */
  whenIdle(free: () => void): void {
    if (this.pending === 0) free();
    else void this.run(free);
  }
}
