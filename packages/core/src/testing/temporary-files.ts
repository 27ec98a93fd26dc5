import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Writes files into a new temporary directory, runs the body with its path, and removes it again, whatever happens. */
export async function withFiles<T>(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "showtell-test-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), content);
    }
    return await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
