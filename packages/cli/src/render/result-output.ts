import { type FileHandle, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { RunLock } from "@showtell/core/captioning";
import { expected, OptionError, ShowtellError } from "@showtell/core/errors";
import { explainDiskError, explainingDiskErrors } from "../disk-errors.js";
import { checkFileName } from "./output-place.js";

/** Runs work that writes to an output: the file gets its name when the work is done, and is given up when it fails. */
export async function withResultOutput<T>(output: ResultOutput, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    await output.finish();
    return result;
  } catch (error) {
    await output.abandon();
    throw error;
  }
}

/** Where results go: standard output, or a file that appears under its name only when it is whole. */
export interface ResultOutput {
  /**
   * Goes on with what an earlier run left instead of writing anew.
   * @param keep given that run's text, returns what of it stays
   */
  goOn(keep: (text: string) => string): Promise<void>;
  /** @throws OptionError for a disk that is full or refuses otherwise */
  write(text: string): Promise<void>;
  /** Everything was written: the file gets its name. */
  finish(): Promise<void>;
  /** The run stopped: a resumable part stays beside the target for `--resume`, any other is removed. */
  abandon(): Promise<void>;
}

/** The name a resumable file has until it is whole. */
export function partialPath(path: string): string {
  return `${path}.partial`;
}

/**
 * Opens `--output`, or standard output where there is none.
 * @param options.resumable keep what was written when the run stops
 * @throws OptionError for a file that cannot be written, CheckpointError for one that another process is writing
 */
export async function openResultOutput(
  path: string | undefined,
  options: { readonly resumable: boolean },
): Promise<ResultOutput> {
  return path === undefined ? new StandardOutput() : FileOutput.open(path, options.resumable);
}

class StandardOutput implements ResultOutput {
  async goOn(): Promise<void> {}
  async write(text: string): Promise<void> {
    if (text === "") return;
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(text, (error) => {
        if (error) reject(explainDiskError(error, "standard output"));
        else resolve();
      });
    });
  }
  async finish(): Promise<void> {}
  async abandon(): Promise<void> {}
}

/** Nothing that an earlier run left is touched before the first write. */
class FileOutput implements ResultOutput {
  private begun = false;
  private hasRows = false;
  /** Of the earlier run's text, what the new one follows. */
  private kept = "";

  private constructor(
    private readonly path: string,
    private readonly resumable: boolean,
    private readonly lock: RunLock | undefined,
    private file: FileHandle,
    private readonly partialWasThere: boolean,
  ) {}

  static async open(path: string, resumable: boolean): Promise<FileOutput> {
    await checkFileName(path, "--output");
    const lock = await lockOutput(path);
    const partial = partialPath(path);
    const partialWasThere = await stat(partial).then(
      () => true,
      () => false,
    );
    try {
      return new FileOutput(path, resumable, lock, await open(partial, "a"), partialWasThere);
    } catch (cause) {
      await lock?.release();
      throw new OptionError(expected(`a writable file in ${dirname(path)}`, "--output", path), { cause });
    }
  }

  async goOn(keep: (text: string) => string): Promise<void> {
    const source = this.partialWasThere ? partialPath(this.path) : this.path;
    this.kept = keep(await readFile(source, "utf8").catch(() => ""));
  }

  async write(text: string): Promise<void> {
    if (text === "") return;
    await explainingDiskErrors(`--output ${this.path}`, async () => {
      await this.begin();
      await this.file.appendFile(text);
      this.hasRows = true;
    });
  }

  async finish(): Promise<void> {
    await explainingDiskErrors(`--output ${this.path}`, async () => {
      await this.begin();
      await this.file.sync();
      await this.file.close();
      await rename(partialPath(this.path), this.path);
    });
    await this.lock?.release();
  }

  async abandon(): Promise<void> {
    await this.file.close();
    const isOfUse = this.partialWasThere ? this.resumable || !this.begun : this.resumable && this.hasRows;
    // What stopped the run is what the user should read, not what came of it here.
    if (!isOfUse) await rm(partialPath(this.path), { force: true }).catch(() => undefined);
    await this.lock?.release();
  }

  private async begin(): Promise<void> {
    if (this.begun) return;
    const partial = partialPath(this.path);
    if (this.kept === "") await this.file.truncate(0);
    else if (this.kept !== (await readFile(partial, "utf8"))) {
      // Written aside: stopped here, all that the earlier run wrote is still there.
      const aside = `${partial}.kept`;
      try {
        await writeFile(aside, this.kept, { flush: true });
        await rename(aside, partial);
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
      await this.file.close();
      this.file = await open(partial, "a");
    }
    this.begun = true;
  }
}

/**
 * @returns nothing where the disk cannot hold a lock (some have no links): what else is wrong there, opening the file tells
 * @throws CheckpointError while another process writes to this output
 */
async function lockOutput(path: string): Promise<RunLock | undefined> {
  try {
    return await RunLock.acquire(`${path}.lock`, { what: "result file" });
  } catch (error) {
    if (error instanceof ShowtellError) throw error;
    return undefined;
  }
}
