import { mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { candidatePaths, findBinding } from "./load-binding.js";
import { probeBinding } from "./probe-binding.js";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "showtell-load-"));
});
afterAll(() => rm(directory, { recursive: true }));

/** A module in the addon's place: the probe requires whatever it is given. */
async function writeModule(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

const WORKING_MODULE = `
module.exports = { version: "0.1.0", deviceInfo: () => ({ kind: "cpu" }), setThreadCount() {},
  Decoder: class { async start() { return {}; } async step() { return new Float32Array(5); } } };`;

describe("probing a binding in a child process", () => {
  const probe = (path: string) => probeBinding(path, join(directory, "cache"));

  it("passes one that loads and steps", async () => {
    expect(await probe(await writeModule("working.cjs", WORKING_MODULE))).toBeUndefined();
  });

  it("survives one that crashes, and names the signal", async () => {
    const path = await writeModule("crashing.cjs", `process.kill(process.pid, "SIGSEGV"); for (;;) {}`);
    expect(await probe(path)).toContain("crashed with SIGSEGV");
  });

  it("tells why one does not load", async () => {
    const path = await writeModule("garbage.node", "this is no shared library");
    expect(await probe(path)).toMatch(/^failed when tried in a child process: Error: .*garbage\.node/);
  });

  it("tells what one that computes wrongly answered", async () => {
    const path = await writeModule("wrong.cjs", WORKING_MODULE.replace("Float32Array(5)", "Float32Array(4)"));
    expect(await probe(path)).toContain("5 logits expected, 4 received");
  });

  it("gives the reason when the file is not there", async () => {
    expect(await probe(join(directory, "absent.node"))).toContain("ENOENT");
  });

  it("remembers a passed probe until the file changes, and never a failed one", async () => {
    const marks = join(directory, "marks");
    const path = await writeModule(
      "counted.cjs",
      `require("node:fs").appendFileSync(${JSON.stringify(marks)}, "x");${WORKING_MODULE}`,
    );
    await probe(path);
    await probe(path);
    expect((await stat(marks)).size).toBe(1);
    await utimes(path, 1, 1);
    await probe(path);
    expect((await stat(marks)).size).toBe(2);
    const failing = await writeModule(
      "failing.cjs",
      `require("node:fs").appendFileSync(${JSON.stringify(marks)}, "x"); throw new Error("no");`,
    );
    await probe(failing);
    await probe(failing);
    expect((await stat(marks)).size).toBe(4);
  });

  it("works where nothing can be remembered", async () => {
    const path = await writeModule("uncached.cjs", WORKING_MODULE);
    expect(await probeBinding(path, path)).toBeUndefined();
  });
});

describe("finding the binding", () => {
  const passes = async () => undefined;

  it("loads the first place that works and keeps the reasons of those before it", async () => {
    const path = await writeModule("found.cjs", WORKING_MODULE);
    const refused = await writeModule("refused.cjs", WORKING_MODULE);
    const found = await findBinding(
      [{ path: "/nowhere", absent: "not built" }, { path: refused }, { path }],
      async (p) => (p === refused ? "crashed" : undefined),
    );
    expect(found.path).toBe(path);
    expect(found.attempts).toEqual([
      { path: "/nowhere", reason: "not built" },
      { path: refused, reason: "crashed" },
    ]);
  });

  it("refuses an addon of another version", async () => {
    const path = await writeModule("old.cjs", WORKING_MODULE.replace("0.1.0", "0.0.9"));
    const { addon, attempts } = await findBinding([{ path }], passes);
    expect(addon).toBeUndefined();
    expect(attempts[0]?.reason).toMatch(/is of version 0\.0\.9, .* is needed/);
  });

  it("refuses a module that is something else", async () => {
    const path = await writeModule("other.cjs", "module.exports = {};");
    expect((await findBinding([{ path }], passes)).attempts[0]?.reason).toBe("is a Node addon, but not Showtell's");
  });

  it("tries only the path that SHOWTELL_NATIVE_PATH names", () => {
    const paths = candidatePaths({ SHOWTELL_NATIVE_PATH: "/nowhere/x.node" });
    expect(paths).toEqual([{ path: "/nowhere/x.node", absent: "no file there (SHOWTELL_NATIVE_PATH names it)" }]);
  });

  it("looks at the checkout's build, then at the prebuilt package", () => {
    const paths = candidatePaths({}).map((candidate) => candidate.path);
    expect(paths[0]).toMatch(/native\/build\/Release\/showtell_native\.node$/);
    expect(paths[1]).toBe(`@showtell/native-${process.platform}-${process.arch}`);
  });
});
