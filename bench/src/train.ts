/** `pnpm bench train`: captions a second in training, against PyTorch and against the bare matrix products. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compare, type Measurement, startContenders } from "./comparison.js";
import { type Contender, type ContenderDefinition, nodeContenders, PYTORCH, peer } from "./contender.js";
import { floatingPointOperations, trainingGemms } from "./gemm-shapes.js";
import { type BenchOptions, parseBenchOptions } from "./options.js";
import { makeReport, publish } from "./report.js";
import { withTemporaryDirectory } from "./temporary-directory.js";
import { batchLengths, TRAIN_CASES, type TrainCase, type Workload, writeWorkload } from "./workload.js";

const EPOCH_CAPTIONS = 30_000;
const ROOFLINE = "BLAS roofline (bare sgemm)";

export async function run(argv: readonly string[]): Promise<void> {
  const options = parseBenchOptions(argv);
  if (options === undefined) return;
  await withTemporaryDirectory((directory) => compareTraining(directory, options, argv));
}

async function compareTraining(directory: string, options: BenchOptions, argv: readonly string[]): Promise<void> {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const cases = TRAIN_CASES.filter((one) => options.only.test(one.name));
  let contenders: Contender[] = [];
  try {
    const workload = await writeWorkload(directory, { train: cases });
    await writeFile(join(directory, "gemms.json"), JSON.stringify(gemmsOfCases(workload)));
    const chosen = definitions(options).filter((definition) => options.contenders.test(definition.name));
    contenders = await startContenders(chosen, directory, log);
    const measurements: Measurement[] = [];
    const agreement: string[] = [];
    for (const one of cases) {
      agreement.push(...(await compareLosses(contenders, one)));
      for (const threads of options.threads) {
        const job = {
          case: one.name,
          threads,
          clock: options.clock,
          captions: (passes: number) => passes * one.batches * one.batchSize,
          request: (passes: number) => ({ do: "train", case: one.name, iterations: passes * one.batches }),
          // Whole passes over the batches: they differ in length.
          iterations: () => (options.epoch ? Math.ceil(EPOCH_CAPTIONS / (one.batches * one.batchSize)) : 1),
        };
        const measured = await compare(contenders, job, options.epoch ? 1 : options.repetitions, log);
        measurements.push(...measured);
        agreement.push(...epochTimes(measured), ...shareOfRoofline(measured));
      }
    }
    await publish(makeReport("train", argv, contenders, measurements, agreement), options.json);
  } finally {
    for (const contender of contenders) contender.close();
  }
}

function definitions(options: BenchOptions): ContenderDefinition[] {
  const own = nodeContenders();
  if (!options.peers) return own;
  return [
    ...own,
    peer(`${PYTORCH} packed`, "train.py", { packed: true }),
    peer(`${PYTORCH} padded`, "train.py", { packed: false }),
    peer(ROOFLINE, "sgemm.py"),
  ];
}

/** Case → the matrix products of each of its batches. */
function gemmsOfCases(workload: Workload) {
  return Object.fromEntries(
    workload.train.map((one) => {
      const images = one.batchSize / one.captionsPerImage;
      const cells = workload.arrays[`${one.name}/batch 0/grid`]?.shape[1] ?? 0;
      const batches = batchLengths(one).map((lengths) => trainingGemms(one.spec, images, cells, lengths));
      return [one.name, { batches, operations: batches.map(floatingPointOperations) }];
    }),
  );
}

/** Loss per token of three steps without dropout: the same arithmetic, or the times mean nothing. */
async function compareLosses(contenders: readonly Contender[], one: TrainCase): Promise<string[]> {
  const lines: string[] = [];
  for (const contender of contenders) {
    const { name } = contender.definition;
    if (name === ROOFLINE) continue;
    const { losses } = await contender.ask<{ losses: number[] }>({ do: "losses", case: one.name, threads: 1 });
    lines.push(
      `${one.name}: loss per token of the first steps, ${name}: ${losses.map((loss) => loss.toFixed(5)).join(", ")}`,
    );
  }
  return lines;
}

function epochTimes(measured: readonly Measurement[]): string[] {
  return measured
    .filter((one) => one.contender !== ROOFLINE)
    .map(({ case: name, threads, contender, median }) => {
      return `${name}, ${threads} thread(s): an epoch of ${EPOCH_CAPTIONS} captions takes ${contender} ${(EPOCH_CAPTIONS / median).toFixed(1)} s`;
    });
}

function shareOfRoofline(measured: readonly Measurement[]): string[] {
  const roofline = measured.find((one) => one.contender === ROOFLINE);
  if (roofline === undefined) return [];
  return measured
    .filter((one) => one !== roofline)
    .map(({ case: name, threads, contender, median }) => {
      return `${name}, ${threads} thread(s): ${contender} reaches ${((100 * median) / roofline.median).toFixed(0)} % of the BLAS roofline`;
    });
}
