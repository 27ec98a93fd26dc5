import { type ChildProcess, execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const TINY_DATASET = fileURLToPath(new URL("../../../fixtures/tiny-dataset/captions.jsonl", import.meta.url));
export const PHOTOS = fileURLToPath(new URL("../../pretrained/photos/", import.meta.url));
export const COMMAND = fileURLToPath(new URL("../bin/showtell.mjs", import.meta.url));

if (!existsSync(new URL("../dist/main.js", import.meta.url))) {
  throw new Error("These tests run the built command: pnpm turbo build");
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command in a process of its own. */
export function runCli(
  args: readonly string[],
  options: { input?: Uint8Array; env?: NodeJS.ProcessEnv; onStart?: (child: ChildProcess) => void } = {},
): Promise<CliResult> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [COMMAND, ...args],
      { cwd: ROOT, env: { ...process.env, NO_COLOR: "1", ...options.env }, maxBuffer: 64 * 2 ** 20 },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
    child.stdin?.end(options.input);
    options.onStart?.(child);
  });
}

/** Asserts the form of a user error: one line, a hint where one is due, nothing of a stack. */
export function isUserError({ code, stdout, stderr }: CliResult): boolean {
  return (
    code === 2 && stdout === "" && /^error Expected .+ but received .+\.$/m.test(stderr) && !/^\s+at /m.test(stderr)
  );
}
