/** `pnpm bench epoch`: how long an epoch of a real dataset takes with the reference recipe, native beside PyTorch, on the same batches. */
import { expected, OptionError } from "@showtell/core";
import { parseCommandLine, publishFigures, type ReportHead } from "./command-line.js";
import { startContenders } from "./comparison.js";
import { type Contender, type ContenderDefinition, nodeContenders, PYTORCH, peer } from "./contender.js";
import { BUCKET_BATCHES, type Epoch, planRealEpoch, writeEpochWorkload } from "./epoch-workload.js";
import { firstLosses } from "./first-losses.js";
import { parseCount, parseCounts } from "./parse-count.js";
import { openRealDataset, type RealDataset } from "./real-dataset.js";
import { withTemporaryDirectory } from "./temporary-directory.js";

const USAGE = `Usage: pnpm bench epoch --data DIR --store DIR [options]
Seconds of an epoch over the training captions: LSTM 300 x 3 with batch normalization and recurrent dropout (the reference recipe) on the store's pooled
features, captions bucketed by length within ${BUCKET_BATCHES} batches. Every contender trains on the same batches, from memory, in turns.
  --data DIR           dataset, as for showtell train
  --store DIR          its features, as written by showtell encode
  --batch LIST         batch sizes (default 32,256)
  --fraction F         time this share of the batches, drawn evenly over all lengths, and scale (default 1: the whole epoch)
  --turns N            pieces the epoch is cut into; contenders take turns after each (default 4)
  --threads N          threads of each contender (default 1)
  --peers              also run PyTorch, packed and padded (python3 with torch and numpy; the variable PYTHON names another interpreter)
  --contenders REGEX   those whose name matches
  --json FILE          also write the result as JSON
`;

interface Row {
  readonly batchSize: number;
  readonly contender: string;
  /** Of the batches that were timed. */
  readonly seconds: number;
  readonly captionsPerSecond: number;
  /** Scaled to all batches. */
  readonly epochSeconds: number;
}

interface Settings {
  readonly fraction: number;
  readonly turns: number;
  readonly threads: number;
}

export async function run(argv: readonly string[]): Promise<void> {
  const values = parseCommandLine(argv, USAGE, {
    data: { type: "string" },
    store: { type: "string" },
    batch: { type: "string", default: "32,256" },
    fraction: { type: "string", default: "1" },
    turns: { type: "string", default: "4" },
    threads: { type: "string", default: "1" },
    peers: { type: "boolean", default: false },
    contenders: { type: "string", default: "" },
  });
  if (values === undefined) return;
  const batchSizes = parseCounts("--batch", values.batch);
  const turns = parseCount("--turns", values.turns);
  const settings = {
    fraction: parseFraction(values.fraction),
    turns,
    threads: parseCount("--threads", values.threads),
  };
  const wanted = new RegExp(values.contenders);
  const chosen = definitions(values.peers).filter(({ name }) => wanted.test(name));
  const real = await openRealDataset(values.data, values.store);
  try {
    const rows: Row[] = [];
    const notes: string[] = [];
    for (const batchSize of batchSizes) {
      const timed = await timeEpoch(real, batchSize, chosen, settings);
      rows.push(...timed.rows);
      notes.push(...timed.notes);
    }
    const figures = { ...settings, rows, notes };
    await publishFigures({ benchmark: "epoch", argv, json: values.json }, figures, render);
  } finally {
    await real.store.close();
  }
}

function definitions(peers: boolean): ContenderDefinition[] {
  const native = nodeContenders().filter(({ name }) => name.startsWith("native-cpu"));
  if (!peers) return native;
  return [
    ...native,
    peer(`${PYTORCH} packed`, "train.py", { packed: true }),
    peer(`${PYTORCH} padded`, "train.py", { packed: false }),
  ];
}

function timeEpoch(
  real: RealDataset,
  batchSize: number,
  chosen: readonly ContenderDefinition[],
  settings: Settings,
): Promise<{ rows: Row[]; notes: string[] }> {
  return withTemporaryDirectory(async (directory) => {
    const log = (line: string) => process.stderr.write(`${line}\n`);
    const epoch = planRealEpoch(real, batchSize, settings.fraction);
    await writeEpochWorkload(directory, real, epoch);
    const contenders = await startContenders(chosen, directory, log);
    try {
      const losses = await firstLosses(contenders, epoch.trainCase);
      const rows = await takeTurns(contenders, epoch, settings, log);
      const { captions, batches, timed } = epoch;
      const share = `${timed.length} of ${batches} batches were timed, ${timedCaptions(epoch)} of ${captions} captions`;
      return { rows, notes: [`batch ${batchSize}: ${share}`, ...losses] };
    } finally {
      for (const contender of contenders) contender.close();
    }
  });
}

async function takeTurns(
  contenders: readonly Contender[],
  epoch: Epoch,
  { turns, threads }: Settings,
  log: (line: string) => void,
): Promise<Row[]> {
  const { trainCase, timed, captions } = epoch;
  const train = (contender: Contender, first: number, end: number) =>
    contender.ask<{ seconds: number }>({ do: "train", case: trainCase.name, threads, first, iterations: end - first });
  // Warm-up: allocation, kernel selection, caches.
  for (const contender of contenders) await train(contender, 0, Math.ceil(timed.length / 20));
  const seconds = contenders.map(() => 0);
  for (let turn = 0; turn < turns; turn++) {
    const [first, end] = [turn, turn + 1].map((edge) => Math.floor((edge * timed.length) / turns)) as [number, number];
    for (const [i, contender] of contenders.entries()) {
      seconds[i]! += (await train(contender, first, end)).seconds;
      log(`${trainCase.name}, ${contender.definition.name}: ${end} of ${timed.length} batches`);
    }
  }
  return contenders.map(({ definition }, i) => {
    const captionsPerSecond = timedCaptions(epoch) / seconds[i]!;
    const epochSeconds = captions / captionsPerSecond;
    const { batchSize } = trainCase;
    return { batchSize, contender: definition.name, seconds: seconds[i]!, captionsPerSecond, epochSeconds };
  });
}

function timedCaptions({ timed }: Epoch): number {
  return timed.reduce((total, batch) => total + batch.captions.length, 0);
}

function parseFraction(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new OptionError(expected("a number above 0, at most 1", "--fraction", text));
}

interface Report extends Settings, ReportHead {
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

function render({ command, date, machine, threads, rows, notes }: Report): string {
  const lines = [`# ${command}`, "", `${date}, ${machine}, ${threads} thread(s)`, ""];
  lines.push(
    "| batch | contender | seconds timed | captions/s | an epoch takes | against PyTorch's best |",
    "|---|---|---|---|---|---|",
  );
  for (const { batchSize, contender, seconds, captionsPerSecond, epochSeconds } of rows) {
    const peers = rows.filter((row) => row.batchSize === batchSize && row.contender.startsWith(PYTORCH));
    const best = Math.min(...peers.map((row) => row.epochSeconds));
    const ratio = peers.length === 0 ? "" : `${(best / epochSeconds).toFixed(2)} x`;
    const figures = [seconds.toFixed(1), captionsPerSecond.toFixed(0), `${epochSeconds.toFixed(1)} s`, ratio];
    lines.push(`| ${batchSize} | ${contender} | ${figures.join(" | ")} |`);
  }
  return `${[...lines, "", ...notes.map((note) => `* ${note}`)].join("\n")}\n`;
}
