import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { expected, OptionError } from "@showtell/core/errors";

/** Runs work that writes to an output: the file gets its name when the work is done, and is given up when it fails. */
export async function withResultOutput<T>(output: ResultOutput, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await output.abandon();
    throw error;
  }
  await output.finish();
  return result;
}

/** Where results go: standard output, or a file that appears under its name only when it is whole. */
export interface ResultOutput {
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

export interface ResultOutputOptions {
  /** Keep what was written when the run stops. */
  readonly resumable: boolean;
  /** Go on after what an earlier run left. */
  readonly append: boolean;
}

export async function openResultOutput(path: string | undefined, options: ResultOutputOptions): Promise<ResultOutput> {
  if (path === undefined) return new StandardOutput();
  const isFolder = await stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
  if (isFolder) throw new OptionError(expected("the name of a file", "--output", `${path}, a folder`));
  const partial = partialPath(path);
  try {
    const file = await open(partial, options.append ? "a" : "w");
    return new FileOutput(file, partial, path, options.resumable);
  } catch (cause) {
    throw new OptionError(expected(`a writable file in ${dirname(path)}`, "--output", path), { cause });
  }
}

class StandardOutput implements ResultOutput {
  async write(text: string): Promise<void> {
    if (text === "") return;
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }
  async finish(): Promise<void> {}
  async abandon(): Promise<void> {}
}

class FileOutput implements ResultOutput {
  private readonly file: FileHandle;
  private readonly partial: string;
  private readonly path: string;
  private readonly resumable: boolean;

  constructor(file: FileHandle, partial: string, path: string, resumable: boolean) {
    this.file = file;
    this.partial = partial;
    this.path = path;
    this.resumable = resumable;
  }

  async write(text: string): Promise<void> {
    if (text !== "") await this.file.write(text);
  }

  async finish(): Promise<void> {
    await this.file.sync();
    await this.file.close();
    await rename(this.partial, this.path);
  }

  async abandon(): Promise<void> {
    await this.file.close();
    if (!this.resumable) await rm(this.partial, { force: true });
  }
}
