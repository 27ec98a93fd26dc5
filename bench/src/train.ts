/** `pnpm bench train`: captions a second in training, against PyTorch and against the bare matrix products. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compare, type Measurement, startContenders } from "./comparison.js";
import { type Contender, type ContenderDefinition, nodeContenders, PYTORCH, peer } from "./contender.js";
import { firstLosses } from "./first-losses.js";
import { floatingPointOperations, trainingGemms } from "./gemm-shapes.js";
import { type BenchOptions, parseBenchOptions } from "./options.js";
import { makeReport, publish } from "./report.js";
import { withTemporaryDirectory } from "./temporary-directory.js";
import { batchLengths, TRAIN_CASES, type Workload, writeWorkload } from "./workload.js";

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
      const trainers = contenders.filter(({ definition }) => definition.name !== ROOFLINE);
      agreement.push(...(await firstLosses(trainers, one)));
      for (const threads of options.threads) {
        const job = {
          case: one.name,
          threads,
          clock: options.clock,
          captions: (passes: number) => passes * one.batches * one.batchSize,
          request: (passes: number) => ({ do: "train", case: one.name, iterations: passes * one.batches }),
          // Whole passes over the batches: they differ in length.
          iterations: () => 1,
        };
        const measured = await compare(contenders, job, options.repetitions, log);
        measurements.push(...measured);
        agreement.push(...shareOfRoofline(measured), ...againstTfjs(measured));
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

function shareOfRoofline(measured: readonly Measurement[]): string[] {
  const roofline = measured.find((one) => one.contender === ROOFLINE);
  if (roofline === undefined) return [];
  return measured
    .filter((one) => one !== roofline)
    .map(({ case: name, threads, contender, median }) => {
      return `${name}, ${threads} thread(s): ${contender} reaches ${((100 * median) / roofline.median).toFixed(0)} % of the BLAS roofline`;
    });
}

function againstTfjs(measured: readonly Measurement[]): string[] {
  const native = measured.find((one) => one.contender === "native-cpu");
  if (native === undefined) return [];
  return measured
    .filter(({ contender }) => contender.startsWith("tfjs"))
    .map(({ case: name, threads, contender, median }) => {
      return `${name}, ${threads} thread(s): native-cpu trains ${(native.median / median).toFixed(1)} times as fast as ${contender}`;
    });
}
