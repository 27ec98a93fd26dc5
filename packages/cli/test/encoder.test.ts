import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeTinyEncoder } from "@showtell/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isUserError, runCli } from "./run-cli.js";

let folder: string;
let onnx: string;
let draft: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "showtell-encoder-"));
  await mkdir(join(folder, "tiny"));
  const specPath = await writeTinyEncoder(join(folder, "tiny"));
  const { onnx: file, sha256: _, ...rest } = JSON.parse(await readFile(specPath, "utf8"));
  onnx = join(dirname(specPath), file);
  draft = join(folder, "draft.json");
  await writeFile(draft, JSON.stringify({ ...rest, name: "tiny-test" }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const encoder = (...args: string[]) => runCli(["encoder", ...args], { env: { SHOWTELL_HOME: join(folder, "home") } });

describe("showtell encoder", () => {
  it("imports an ONNX file with its spec, and lists it from then on", async () => {
    const imported = await encoder("import", onnx, "--spec", draft);
    expect(imported.code, imported.stderr).toBe(0);
    expect(imported.stdout).toBe(`${join(folder, "home", "encoders", "tiny-test", "encoder.json")}\n`);
    const list = await encoder("list", "--json");
    const names = JSON.parse(list.stdout).map(({ spec }: { spec: { name: string } }) => spec.name);
    expect(names).toEqual(["efficientnet-lite2", "tiny-test"]);
    const again = await encoder("import", onnx, "--spec", draft);
    expect(again, again.stderr).toSatisfy(isUserError);
  });

  it.each([
    ["a file that is no network", () => ["import", draft]],
    ["a missing file", () => ["import", join(folder, "none.onnx"), "--spec", draft]],
    ["an ONNX file without a spec", () => ["import", onnx]],
    ["a spec that is no JSON", () => ["import", onnx, "--spec", onnx]],
  ])("answers %s with one line, and leaves nothing behind", async (_, args) => {
    const result = await encoder(...args(), "--output", join(folder, "refused"));
    expect(result, result.stderr).toSatisfy(isUserError);
    expect((await readdir(folder)).filter((name) => name.includes("refused"))).toEqual([]);
  });

  it("answers a model's encoder that does not fit it with one line", async () => {
    const photo = join(folder, "none.jpg");
    await writeFile(photo, "");
    const result = await runCli(["caption", photo, "--encoder", "no-such-encoder"]);
    expect(result, result.stderr).toSatisfy(isUserError);
  });
});
