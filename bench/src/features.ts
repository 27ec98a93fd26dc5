/** `pnpm bench features`: how fast training reads its features from a store, beside the bare disk, and the memory that takes. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCommandLine, publishFigures, type ReportHead } from "./command-line.js";
import { Contender } from "./contender.js";
import { FeatureWorkload } from "./feature-workload.js";
import type { FeaturesAnswer, FeaturesRequest } from "./features-worker.js";
import { cachedShare, evict } from "./page-cache.js";
import { parseCount } from "./parse-count.js";
import { withTemporaryDirectory } from "./temporary-directory.js";

/** What a training needs: the attention recipe's batch, and how long its step takes on a core of a Zen 5. */
const RECIPE = { photosPerBatch: 16, stepSeconds: 0.15 } as const;

const USAGE = `Usage: pnpm bench features [options]
Writes a store of made-up float16 features (pooled and grid, the shapes of the encoder that ships) into a temporary folder (TMPDIR says where), then reads it as
training does (shuffled batches, read ahead), and the bare file in order and at random. Each read is done cold (the file put out of the page cache) and warm.
  --size GB           of the store (default 4; more than the machine's memory: nothing can be warm)
  --read GB           read in each turn (default: as much as the store has)
  --views N           views of each photo, 1 to 4; training draws one of them (default 2)
  --batch N           photos of a batch (default ${RECIPE.photosPerBatch})
  --json FILE         write everything measured
`;

interface Turn extends FeaturesAnswer {
  readonly order: FeaturesRequest["do"];
  readonly cache: "cold" | "warm";
  /** Share of the file in the page cache before. */
  readonly cachedBefore: number | undefined;
}

export async function run(argv: readonly string[]): Promise<void> {
  const values = parseCommandLine(argv, USAGE, {
    size: { type: "string", default: "4" },
    read: { type: "string" },
    views: { type: "string", default: "2" },
    batch: { type: "string", default: `${RECIPE.photosPerBatch}` },
  });
  if (values === undefined) return;
  const views = parseCount("--views", values.views);
  const photosPerBatch = parseCount("--batch", values.batch);
  const { bytesPerView } = await FeatureWorkload.of(0, views);
  const photos = Math.ceil((parseCount("--size", values.size) * 1e9) / bytesPerView / views);
  const wanted = values.read === undefined ? photos * views : (parseCount("--read", values.read) * 1e9) / bytesPerView;
  const request = { photos: Math.ceil(wanted), photosPerBatch };
  await withTemporaryDirectory(async (directory) => {
    const started = performance.now();
    const workload = await FeatureWorkload.of(photos, views);
    await workload.write(directory, (done) => process.stderr.write(`\rwriting: ${done}/${photos} photos `));
    process.stderr.write("\n");
    const writeSeconds = (performance.now() - started) / 1000;
    const path = join(directory, "features.mdb");
    const turns: Turn[] = [];
    let evicted = true;
    for (const cache of ["cold", "warm"] as const) {
      for (const order of ["sequential", "random", "training"] as const) {
        if (cache === "cold") evicted = evict(path) && evicted;
        const cachedBefore = cachedShare(path);
        const answer = await readOnce(directory, { photos, views }, { do: order, ...request });
        turns.push({ order, cache, cachedBefore, ...answer });
        process.stderr.write(`${cache}, ${order}: ${(answer.bytes / answer.seconds / 1e9).toFixed(2)} GB/s\n`);
      }
    }
    const figures = {
      photos,
      views,
      photosPerBatch,
      bytesPerView,
      fileBytes: statSync(path).size,
      writeSeconds,
      evicted,
      turns,
    };
    await publishFigures({ benchmark: "features", argv, json: values.json }, figures, render);
  });
}

/** In a new process: memory is its own, and no map keeps pages in the cache. */
async function readOnce(
  directory: string,
  { photos, views }: { photos: number; views: number },
  request: FeaturesRequest,
): Promise<FeaturesAnswer> {
  const worker = fileURLToPath(new URL("./features-worker.js", import.meta.url));
  const definition = {
    name: "features",
    command: [process.execPath, worker, `${photos}`, `${views}`] as [string, ...string[]],
  };
  const contender = await Contender.start(definition, directory);
  if (typeof contender === "string") throw new Error(contender);
  try {
    return await contender.ask<FeaturesAnswer>({ ...request });
  } finally {
    contender.close();
  }
}

interface Report extends ReportHead {
  readonly photos: number;
  readonly views: number;
  readonly photosPerBatch: number;
  readonly bytesPerView: number;
  readonly fileBytes: number;
  readonly writeSeconds: number;
  readonly evicted: boolean;
  readonly turns: readonly Turn[];
}

const READS = {
  sequential: "the bare file, in order (1 MiB pieces)",
  random: "the bare file, at random (a photo's bytes)",
  training: "training's batches",
};

function render(report: Report): string {
  const { photos, views, bytesPerView, fileBytes, writeSeconds, evicted, turns, photosPerBatch } = report;
  const lines = [
    `# ${report.command}`,
    "",
    `${report.date}, ${report.machine}`,
    "",
    `* store: ${photos} photos, ${views} views, ${(bytesPerView / 1e3).toFixed(0)} kB each, ${(fileBytes / 1e9).toFixed(2)} GB; written in ${writeSeconds.toFixed(0)} s`,
    evicted
      ? "* cold: the store's file was put out of the page cache before (posix_fadvise; the disk itself, or a host below it, may still have it)"
      : "* not cold: the page cache could not be emptied of the file (GNU dd is needed), so what it had stayed in it",
    "",
    "| cache | read | GB/s | photos/s | seconds | opened in | in the cache before | processor time a photo | peak memory of its own | mapped |",
    "|---|---|---|---|---|---|---|---|---|---|",
  ];
  for (const turn of turns) {
    const cells = [
      turn.cache,
      READS[turn.order],
      (turn.bytes / turn.seconds / 1e9).toFixed(2),
      (turn.photos / turn.seconds).toFixed(0),
      turn.seconds.toFixed(1),
      turn.order === "training" ? `${turn.openSeconds.toFixed(2)} s` : "",
      turn.cachedBefore === undefined ? "unknown" : `${(100 * turn.cachedBefore).toFixed(0)} %`,
      `${((1000 * turn.cpuSeconds) / turn.photos).toFixed(2)} ms`,
      megabytes(turn.anonymousBytes),
      megabytes(turn.mappedBytes),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  const needed = RECIPE.photosPerBatch / RECIPE.stepSeconds;
  const cold = turns.find(({ cache, order }) => cache === "cold" && order === "training")!;
  const given = cold.photos / cold.seconds;
  lines.push(
    "",
    `* the attention recipe takes ${needed.toFixed(0)} photos/s (${RECIPE.photosPerBatch} in a step of ${RECIPE.stepSeconds} s); cold batches of ${photosPerBatch} come at ${given.toFixed(0)}: ${(given / needed).toFixed(0)} times as fast`,
    `* ${turns.reduce((sum, { checked }) => sum + checked, 0)} values were compared with what was written: all right`,
  );
  return `${lines.join("\n")}\n`;
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "unknown" : `${Math.round(bytes / 1e6)} MB`;
}
