import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Study } from "@showtell/core";

const FOLDER_NAME = /^\d{4,}$/;

/** Run folder of a trial. */
export function trialFolder(trialsFolder: string, number: number): string {
  return join(trialsFolder, String(number).padStart(4, "0"));
}

/** The run folders of a study's trials. Those of trials that are over go, but for the best one's: its checkpoint captions, and the study has the rest. */
export class TrialFolders {
  private readonly inUse = new Set<number>();

  constructor(
    private readonly trialsFolder: string,
    private readonly study: Study,
  ) {}

  async using<T>(number: number, work: (folder: string) => Promise<T>): Promise<T> {
    this.inUse.add(number);
    try {
      await this.sweep();
      return await work(trialFolder(this.trialsFolder, number));
    } finally {
      this.inUse.delete(number);
    }
  }

  async sweep(): Promise<void> {
    const best = this.study.best?.number;
    for (const name of await readdir(this.trialsFolder)) {
      const number = Number(name);
      const isOver = this.study.trials[number]?.state !== "running";
      if (FOLDER_NAME.test(name) && isOver && number !== best && !this.inUse.has(number))
        await rm(join(this.trialsFolder, name), { recursive: true, force: true });
    }
  }
}
