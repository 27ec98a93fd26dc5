import type { RootDatabase } from "lmdb";
import { writingFailed } from "./disk-room.js";

/** Keeps the first failure of writes that nobody waits for: LMDB's own promise of a flush never settles then. */
export class CommitWatch {
  private readonly failed: Promise<never>;
  private fail!: (error: Error) => void;
  private failure: Error | undefined;

  constructor(
    private readonly root: RootDatabase<string, string>,
    private readonly directory: string,
  ) {
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => undefined);
  }

  /** @throws FeatureStoreError when an earlier write failed */
  add(write: () => Promise<unknown>): void {
    if (this.failure !== undefined) throw this.failure;
    write().catch(async (error: Error & { commitError?: Promise<never> }) => {
      // What really was the matter comes by a promise of its own.
      const cause = await (error.commitError?.catch((reason: unknown) => reason) ?? error);
      this.failure ??= writingFailed(this.directory, cause);
      this.fail(this.failure);
    });
  }

  /**
   * Waits until everything written is on disk.
   * @throws FeatureStoreError when something could not be written
   */
  async flush(): Promise<void> {
    await Promise.race([this.root.flushed, this.failed]);
  }

  async close(): Promise<void> {
    const closing = this.root.close();
    // After a failure it waits for a flush that never comes.
    await (this.failure === undefined ? closing : Promise.race([closing, this.failed.catch(() => undefined)]));
  }
}
