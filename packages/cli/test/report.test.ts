import { cp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isUserError, runCli, TINY_DATASET } from "./run-cli.js";
import { type TinyModel, trainTinyModel } from "./tiny-model.js";

let pooled: TinyModel;
let attention: TinyModel;
beforeAll(async () => {
  pooled = await trainTinyModel(["epochs=3"]);
  attention = await trainTinyModel(["epochs=2", "decoder.attention.heads=2", "decoder.attention.size=8"]);
});
afterAll(() => Promise.all([pooled.remove(), attention.remove()]));

const report = (model: TinyModel, runs: readonly string[], ...more: string[]) =>
  runCli(["report", ...runs, "--data", TINY_DATASET, "--store", model.store, "--quiet", ...more]);

const sections = (page: string) => [...page.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id);

describe("showtell report", () => {
  it("writes one page into the run folder, whole, and says where", async () => {
    const { code, stdout, stderr } = await report(pooled, [pooled.run]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toBe(`${join(pooled.run, "report.html")}\n`);
    expect((await readdir(pooled.run)).filter((name) => name.startsWith("report"))).toEqual(["report.html"]);
    const page = await readFile(join(pooled.run, "report.html"), "utf8");
    expect(page.endsWith("</html>\n")).toBe(true);
    expect(sections(page)).toContain("curves");
    expect(page.match(/(?:href|src)="(?!#|data:image)|https?:/)).toBeNull();
    const written = page.replace(/<script>[\s\S]*<\/script>|base64,[^"]*/g, "");
    expect(written.match(/NaN|undefined|Infinity/)).toBeNull();
    // A run that has a report can still be gone on with.
    const resumed = await runCli([
      "train",
      "--data",
      TINY_DATASET,
      "--recipe",
      join(pooled.run, "recipe.yaml"),
      "--run",
      pooled.run,
      "--store",
      pooled.store,
      "--resume",
      "--quiet",
    ]);
    expect(resumed.code, resumed.stderr).toBe(0);
  });

  it("shades the photos by the attention of each word, where the model has it", async () => {
    const output = join(attention.folder, "attention.html");
    const { code, stderr } = await report(attention, [attention.run], "--output", output, "--examples", "1");
    expect(code, stderr).toBe(0);
    const page = await readFile(output, "utf8");
    expect(page).toContain("Where it looked");
    expect(page).toMatch(/<image href="data:image\/png;base64,[^"]+" x="0" y="0"/);
    expect(page.match(/<article/g)?.length).toBe(4);
  });

  it("gives the data behind the page, which fits together", async () => {
    const { code, stdout } = await report(attention, [attention.run], "--json", "--split", "train");
    expect(code).toBe(0);
    const data = JSON.parse(stdout);
    const [run] = data.runs;
    expect(data.captions.length).toBe(10);
    expect(run.epochs.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1, 2]);
    // Walking the words one by one and the backend's own loss are two ways to the same number.
    const total = (key: string) =>
      data.prefixLosses.teacherForced.reduce((sum: number, losses: Record<string, number>) => sum + losses[key]!, 0);
    expect(total("lossSum") / total("tokenCount")).toBeCloseTo(run.lossPerToken, 4);
    for (const { words, caption } of data.captions) {
      const spoken = words.filter(({ word }: { word: string }) => word !== "<end>");
      expect(spoken.map(({ word }: { word: string }) => word).join(" ")).toBe(caption);
      for (const { attention: weights } of words) {
        expect(weights.reduce((sum: number, weight: number) => sum + weight, 0)).toBeCloseTo(1, 2);
      }
    }
  });

  it("compares runs and checkpoints with the first", async () => {
    const { code, stdout, stderr } = await report(pooled, [pooled.run, pooled.best], "--json");
    expect(code, stderr).toBe(0);
    const { runs } = JSON.parse(stdout);
    expect(runs.map(({ name }: { name: string }) => name)).toEqual(["run", "best"]);
    expect(runs[1].epochs).toEqual([]);
    expect(runs[1].againstFirst.CIDEr).toMatchObject({ difference: 0, pValue: 1 });
  });

  it("does without photos that are no longer there", async () => {
    const folder = join(pooled.folder, "without-photos");
    await mkdir(folder);
    await cp(TINY_DATASET, join(folder, "captions.jsonl"));
    const output = join(folder, "page.html");
    const { code, stderr } = await report(
      pooled,
      [pooled.run],
      "--data",
      join(folder, "captions.jsonl"),
      "--output",
      output,
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^warning \d photos cannot be shown/);
    expect(await readFile(output, "utf8")).toContain("The photo is not there.");
  });

  it.each([
    ["a path that is no run", ["no-such-run"], [], "no-such-run"],
    ["a missing dataset", [], ["--data", "no-such-data.jsonl"], "no-such-data.jsonl"],
    ["a place it cannot write to", [], ["--output", "no-such-folder/report.html"], "no-such-folder"],
    ["a number that is none", [], ["--examples", "some"], "--examples"],
  ])("answers %s with one line", async (_, runs, flags, mentioned) => {
    const result = await report(pooled, runs.length > 0 ? runs : [pooled.run], ...flags);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain(mentioned);
  });

  it("answers a run without a finished epoch with one line", async () => {
    const folder = join(pooled.folder, "just-begun");
    await cp(pooled.run, folder, { recursive: true });
    await rm(join(folder, "checkpoints"), { recursive: true });
    const result = await report(pooled, [folder]);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toContain("first epoch");
  });
});
