/** `pnpm bench score`: caption scoring as cold processes, beside pycocoevalcap and its jars; prepared CIDEr-D; consensus; memory by size. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { expected, OptionError } from "@showtell/core";
import { type CaptionPair, chooseByConsensus, DocumentFrequencies, prepareCider, ptbTokenizer } from "@showtell/eval";
import { median } from "./comparison.js";
import { machine } from "./report.js";
import { inventCaptions } from "./score-captions.js";

const USAGE = `Usage: pnpm bench score [options]
Seconds of a cold process that tokenises and scores captions by every metric, in turns with pycocoevalcap.
  --pairs FILE              JSON list of {id, hypothesis or candidate, references}; default: invented captions
  --images N                how many invented images, five references each (default 1000)
  --repetitions N           turns of each contender (default 3)
  --meteor-paraphrases FILE also with METEOR's paraphrase table
  --scale LIST              afterwards, our peak memory at these numbers of invented images, for example 10000,40000
  --peers                   also run pycocoevalcap (python3 with pycocoevalcap and Java; PYTHON names another interpreter)
  --json FILE               write everything measured
`;

interface Answer {
  readonly version: string;
  readonly corpus: Readonly<Record<string, number>>;
  readonly seconds: Readonly<Record<string, number>>;
  readonly peakBytes: number;
}

interface Contender {
  readonly name: string;
  readonly command: (pairs: string, result: string) => readonly [string, ...string[]];
}

interface Turns {
  readonly name: string;
  readonly wallSeconds: readonly number[];
  readonly answer: Answer;
}

const runProcess = promisify(execFile);

export async function run(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      pairs: { type: "string" },
      images: { type: "string", default: "1000" },
      repetitions: { type: "string", default: "3" },
      "meteor-paraphrases": { type: "string" },
      scale: { type: "string" },
      peers: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const repetitions = count("--repetitions", values.repetitions);
  const pairs = values.pairs === undefined ? inventCaptions(count("--images", values.images)) : readPairs(values.pairs);
  const folder = mkdtempSync(join(tmpdir(), "showtell-bench-score-"));
  try {
    const cases: { readonly name: string; readonly turns: readonly Turns[] }[] = [];
    const tables = ["none", ...(values["meteor-paraphrases"] === undefined ? [] : [values["meteor-paraphrases"]])];
    for (const table of tables) {
      const name =
        table === "none" ? "all metrics, METEOR without paraphrases" : "all metrics, METEOR with paraphrases";
      cases.push({ name, turns: await takeTurns(contenders(table, values.peers), pairs, repetitions, folder) });
    }
    const memory: { images: number; seconds: number; peakBytes: number }[] = [];
    for (const size of values.scale?.split(",") ?? []) {
      const images = count("--scale", size);
      const [turns] = await takeTurns(contenders("none", false), inventCaptions(images), 1, folder);
      memory.push({ images, seconds: turns!.wallSeconds[0]!, peakBytes: turns!.answer.peakBytes });
    }
    const report = {
      benchmark: "score",
      command: ["pnpm bench score", ...argv].join(" "),
      date: new Date().toISOString(),
      machine: machine(),
      images: pairs.length,
      cases,
      preparedCiderMilliseconds: timePreparedCider(pairs),
      consensusMilliseconds: timeConsensus(pairs),
      memory,
    };
    process.stdout.write(render(report));
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function contenders(table: string, peers: boolean): Contender[] {
  const worker = fileURLToPath(new URL("./score-worker.js", import.meta.url));
  const script = fileURLToPath(new URL("../peers/score.py", import.meta.url));
  const ours: Contender = {
    name: "showtell",
    command: (pairs, result) => [process.execPath, worker, pairs, result, table],
  };
  const theirs: Contender = {
    name: "pycocoevalcap",
    command: (pairs, result) => [
      process.env["PYTHON"] ?? "python3",
      script,
      pairs,
      result,
      table === "none" ? "none" : "full",
    ],
  };
  return peers ? [ours, theirs] : [ours];
}

async function takeTurns(
  all: readonly Contender[],
  pairs: readonly CaptionPair[],
  repetitions: number,
  folder: string,
): Promise<Turns[]> {
  const source = join(folder, "pairs.json");
  const target = join(folder, "result.json");
  writeFileSync(source, JSON.stringify(pairs));
  const seconds = all.map((): number[] => []);
  const answers: Answer[] = [];
  for (let round = 0; round < repetitions; round++) {
    for (const [k, contender] of all.entries()) {
      const [program, ...rest] = contender.command(source, target);
      const start = performance.now();
      await runProcess(program, rest, { maxBuffer: 1 << 26 });
      seconds[k]!.push((performance.now() - start) / 1000);
      answers[k] = JSON.parse(readFileSync(target, "utf8")) as Answer;
    }
  }
  return all.map(({ name }, k) => ({ name, wallSeconds: seconds[k]!, answer: answers[k]! }));
}

/** Self-critical training's case: references prepared once, a batch of captions scored again and again. */
function timePreparedCider(pairs: readonly CaptionPair[]): number[] {
  const prepared = prepareCider(
    pairs.map((pair) => pair.references),
    ptbTokenizer,
  );
  const candidates = pairs.map((pair) => pair.candidate);
  return Array.from({ length: 20 }, () => {
    const start = performance.now();
    prepared.score(candidates);
    return performance.now() - start;
  }).slice(5);
}

/** Choosing one of 100 candidates, against document frequencies counted once. */
function timeConsensus(pairs: readonly CaptionPair[]): number[] {
  const frequencies = DocumentFrequencies.of(
    pairs.map((pair) => pair.references),
    ptbTokenizer,
  );
  const captions = pairs.flatMap((pair) => pair.references.map((caption) => ({ caption })));
  return Array.from({ length: 20 }, (_, round) => {
    const candidates = Array.from({ length: 100 }, (_, i) => captions[(100 * round + i) % captions.length]!);
    const start = performance.now();
    chooseByConsensus(candidates, frequencies);
    return performance.now() - start;
  }).slice(5);
}

interface ScoreReport {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly images: number;
  readonly cases: readonly { readonly name: string; readonly turns: readonly Turns[] }[];
  readonly preparedCiderMilliseconds: readonly number[];
  readonly consensusMilliseconds: readonly number[];
  readonly memory: readonly { readonly images: number; readonly seconds: number; readonly peakBytes: number }[];
}

function render(report: ScoreReport): string {
  const lines = [`# ${report.command}`, "", `${report.date}, ${report.machine}, ${report.images} images`, ""];
  lines.push("| case | contender | seconds | range | against it, ours is | peak memory |", "|---|---|---|---|---|---|");
  for (const { name, turns } of report.cases) {
    const ours = median(turns[0]!.wallSeconds);
    for (const { name: contender, wallSeconds, answer } of turns) {
      const own = median(wallSeconds);
      const range = `${Math.min(...wallSeconds).toFixed(2)}-${Math.max(...wallSeconds).toFixed(2)}`;
      lines.push(
        `| ${name} | ${contender} (${answer.version}) | ${own.toFixed(2)} | ${range} | ${(own / ours).toFixed(1)} x as fast | ${megabytes(answer.peakBytes)} |`,
      );
    }
  }
  lines.push("", ...report.cases.flatMap(({ name, turns }) => agreement(name, turns)));
  lines.push(
    `* CIDEr-D with prepared references: ${median(report.preparedCiderMilliseconds).toFixed(1)} ms for ${report.images} captions`,
    `* consensus of 100 candidates: ${median(report.consensusMilliseconds).toFixed(1)} ms`,
  );
  for (const { images, seconds, peakBytes } of report.memory) {
    lines.push(`* ${images} images x 5: ${seconds.toFixed(2)} s, ${megabytes(peakBytes)}`);
  }
  return `${lines.join("\n")}\n`;
}

function agreement(name: string, [ours, ...others]: readonly Turns[]): string[] {
  return others.map(({ name: contender, answer }) => {
    const differences = Object.entries(answer.corpus).map(([key, value]) =>
      Math.abs(value - (ours!.answer.corpus[key] ?? Number.NaN)),
    );
    return `* ${name}: largest difference to ${contender} ${Math.max(...differences).toExponential(1)}`;
  });
}

function readPairs(path: string): CaptionPair[] {
  const rows = JSON.parse(readFileSync(path, "utf8")) as {
    id: unknown;
    candidate?: string;
    hypothesis?: string;
    references: string[];
  }[];
  return rows.map(({ id, candidate, hypothesis, references }) => ({
    id: String(id),
    candidate: candidate ?? hypothesis ?? "",
    references,
  }));
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new OptionError(expected("a positive whole number", option, text));
}
