import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withFiles } from "../testing/temporary-files.js";
import type { DatasetFault } from "./dataset-fault.js";
import { MAX_LINE_BYTES } from "./limits.js";
import { readLines } from "./read-lines.js";

async function linesOf(content: string | Uint8Array) {
  return withFiles({ file: content }, async (directory) => {
    const faults: DatasetFault[] = [];
    const lines: [number, string][] = [];
    const path = join(directory, "file");
    await readLines(
      path,
      (fault) => faults.push(fault),
      ({ number, text }) => lines.push([number, text]),
    );
    return { lines, faults };
  });
}

describe("readLines", () => {
  it("takes LF and CRLF, skips blank lines and the byte order mark, and keeps the line numbers", async () => {
    const { lines } = await linesOf("\ufeffone\r\n\r\ntwo\n  \nthree");
    expect(lines).toEqual([
      [1, "one"],
      [3, "two"],
      [5, "three"],
    ]);
  });

  it("puts lines together over the borders of chunks", async () => {
    const long = Array.from({ length: 9 }, (_, n) => `${String(n).repeat(100_000 + n)}é`);
    const { lines } = await linesOf(long.join("\n"));
    expect(lines.map(([, text]) => text)).toEqual(long);
  });

  it("reports invalid UTF-8 with its line and goes on", async () => {
    const { lines, faults } = await linesOf(Buffer.from("good\nbad \xff\nmore\n", "latin1"));
    expect(lines.map(([number]) => number)).toEqual([1, 2, 3]);
    expect(faults).toMatchObject([{ code: "invalid-utf8", line: 2, severity: "error" }]);
  });

  it("stops at a line without end before it fills the memory", async () => {
    await expect(linesOf(`short\n${"x".repeat(MAX_LINE_BYTES + 1)}`)).rejects.toThrow(
      new RegExp(`^Expected at most ${MAX_LINE_BYTES} bytes for .*file:2 but received "a longer line".$`),
    );
  });

  it("says that a file is missing", async () => {
    await expect(
      readLines(
        "/nowhere/captions",
        () => {},
        () => {},
      ),
    ).rejects.toThrow('Expected a readable file for /nowhere/captions but received "no such file".');
  });
});
