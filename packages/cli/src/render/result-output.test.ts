import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OptionError } from "@showtell/core/errors";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openResultOutput, withResultOutput } from "./result-output.js";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "showtell-output-"));
  path = join(folder, "rows.jsonl");
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** Every file handle answers so until the test is over. */
async function refusing(method: "appendFile" | "sync", code: string): Promise<void> {
  const file = await open(join(folder, "probe"), "w");
  await file.close();
  await rm(join(folder, "probe"));
  const refusal = Object.assign(new Error(`${code}: refused`), { code });
  vi.spyOn(Object.getPrototypeOf(file), method).mockRejectedValue(refusal);
}

describe("openResultOutput", () => {
  it("gives the file its name when everything is written, and leaves nothing beside it", async () => {
    const output = await openResultOutput(path, { resumable: false });
    await withResultOutput(output, async () => output.write("one\n"));
    expect(await readdir(folder)).toEqual(["rows.jsonl"]);
  });

  it.each(["", "  "])("refuses the name %j", async (name) => {
    await expect(openResultOutput(name, { resumable: false })).rejects.toThrow(OptionError);
  });

  it("refuses what is neither file nor new, such as a device", async () => {
    await expect(openResultOutput("/dev/null", { resumable: false })).rejects.toThrow("which is no file");
  });

  it.each([
    ["appendFile", true],
    ["appendFile", false],
    ["sync", false],
  ] as const)("explains a disk that is full at %s, and leaves nothing", async (method, resumable) => {
    const output = await openResultOutput(path, { resumable });
    await refusing(method, "ENOSPC");
    const error = await withResultOutput(output, async () => output.write("one\n")).catch((caught) => caught);
    expect(error).toBeInstanceOf(OptionError);
    expect(error.hint).toMatch(/disk is full/);
    expect(await readdir(folder)).toEqual([]);
  });

  it("explains a folder that went away meanwhile", async () => {
    const output = await openResultOutput(path, { resumable: false });
    await output.write("one\n");
    await rm(folder, { recursive: true });
    await expect(withResultOutput(output, async () => {})).rejects.toThrow(OptionError);
  });

  it("keeps the rows of a resumable run that stops, and of another nothing", async () => {
    for (const resumable of [true, false]) {
      const output = await openResultOutput(path, { resumable });
      const stopped = withResultOutput(output, async () => {
        await output.write("one\n");
        throw new Error("stopped");
      });
      await expect(stopped).rejects.toThrow("stopped");
      expect(await readdir(folder)).toEqual(resumable ? ["rows.jsonl.partial"] : []);
      await rm(`${path}.partial`, { force: true });
    }
  });

  it("goes on after what is kept of an earlier run, and touches that only when it writes", async () => {
    await writeFile(`${path}.partial`, "one\ntwo\nthr");
    const refused = await openResultOutput(path, { resumable: true });
    await refused.goOn(() => "one\n");
    await refused.abandon();
    expect(await readFile(`${path}.partial`, "utf8")).toBe("one\ntwo\nthr");
    const output = await openResultOutput(path, { resumable: true });
    await output.goOn((text) => text.slice(0, "one\n".length));
    await withResultOutput(output, async () => output.write("four\n"));
    expect(await readFile(path, "utf8")).toBe("one\nfour\n");
    expect(await readdir(folder)).toEqual(["rows.jsonl"]);
  });

  it("refuses a file that another process is writing", async () => {
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    try {
      const { hostname } = await import("node:os");
      const started = await startOf(other.pid!);
      const holder = { pid: other.pid, host: hostname(), processStart: started, token: "other" };
      await writeFile(`${path}.lock`, JSON.stringify(holder));
      await expect(openResultOutput(path, { resumable: false })).rejects.toThrow(`process ${other.pid}`);
      expect(await readdir(folder)).toEqual(["rows.jsonl.lock"]);
    } finally {
      other.kill();
    }
  });
});

/** As RunLock knows it. */
async function startOf(pid: number): Promise<string | null> {
  if (!existsSync(`/proc/${pid}/stat`)) return null;
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19]!;
}
