/** `pnpm bench encode FOLDER`: photos a second through decoding, resizing and the encoder, and the memory that takes. */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { expected, OptionError, resolveThreadCount } from "@showtell/core";
import { defaultEncoderName, pretrainedEncoders } from "@showtell/pretrained";
import { median } from "./comparison.js";
import { Contender, type ContenderDefinition, peer } from "./contender.js";
import { parseCount } from "./parse-count.js";
import { machine } from "./report.js";

const USAGE = `Usage: pnpm bench encode FOLDER [options]
Photos a second through decoding, resizing and the encoder (pooled and grid), in turns with onnxruntime + Pillow in Python.
  --images N       photos a turn; the folder is gone through again when it has fewer (default 1000)
  --repetitions N  turns of each contender (default 3)
  --threads N      threads of ONNX Runtime (default SHOWTELL_THREADS, else every core)
  --memory N       afterwards, encode N photos and compare the peak of memory (default 0: leave out)
  --peers          also run Python (python3 with onnxruntime and pillow; the variable PYTHON names another interpreter)
  --json FILE      write everything measured
`;

interface Answer {
  readonly seconds: number;
  /** Of all pooled features: equal where contenders see the same pixels. */
  readonly sum: number;
  readonly peakBytes: number;
}

export async function run(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      images: { type: "string", default: "1000" },
      repetitions: { type: "string", default: "3" },
      threads: { type: "string" },
      memory: { type: "string", default: "0" },
      peers: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [folder] = positionals;
  if (folder === undefined) throw new OptionError(expected("a folder of photos", "FOLDER", undefined), { hint: USAGE });
  const images = parseCount("--images", values.images);
  const repetitions = parseCount("--repetitions", values.repetitions);
  const memory = parseCount("--memory", values.memory, 0);
  const threads = resolveThreadCount(
    values.threads === undefined ? undefined : parseCount("--threads", values.threads),
  );

  const contenders: { contender: Contender; answers: Answer[] }[] = [];
  try {
    for (const definition of definitions(values.peers)) {
      const contender = await Contender.start(definition, folder);
      if (typeof contender === "string") process.stderr.write(`skipped ${definition.name}: ${contender}\n`);
      else contenders.push({ contender, answers: [] });
    }
    const ask = (contender: Contender, number: number) => contender.ask<Answer>({ images: number, threads });
    for (const { contender } of contenders) await ask(contender, Math.min(32, images));
    for (let round = 0; round < repetitions; round++) {
      for (const { contender, answers } of contenders) answers.push(await ask(contender, images));
    }
    const long = memory > 0 ? await ask(contenders[0]!.contender, memory) : undefined;
    const report = {
      benchmark: "encode",
      command: ["pnpm bench encode", ...argv].join(" "),
      date: new Date().toISOString(),
      machine: machine(),
      images,
      threads,
      contenders: contenders.map(({ contender, answers }) => ({
        name: contender.definition.name,
        ...contender.introduction,
        photosPerSecond: answers.map(({ seconds }) => images / seconds),
        meanFeature: answers[0]!.sum / images,
        peakBytes: answers.at(-1)!.peakBytes,
      })),
      ...(long === undefined
        ? {}
        : { memory: { images: memory, photosPerSecond: memory / long.seconds, peakBytes: long.peakBytes } }),
    };
    process.stdout.write(render(report));
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally {
    for (const { contender } of contenders) contender.close();
  }
}

function definitions(peers: boolean): ContenderDefinition[] {
  const specPath = pretrainedEncoders[defaultEncoderName]!;
  const { onnx } = JSON.parse(readFileSync(specPath, "utf8")) as { onnx: string };
  const worker = fileURLToPath(new URL("./encode-worker.js", import.meta.url));
  const ours: ContenderDefinition = { name: "showtell", command: [process.execPath, worker, specPath] };
  const python = [1, 8].map((batchSize) => {
    const { name, command, request } = peer(`onnxruntime + Pillow, batch ${batchSize}`, "encode.py", { batchSize });
    const [program, ...rest] = command;
    const withEncoder: [string, ...string[]] = [program, ...rest, join(dirname(specPath), onnx)];
    return { name, command: withEncoder, request: request ?? {} };
  });
  return peers ? [ours, ...python] : [ours];
}

interface Rendered {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly threads: number;
  readonly images: number;
  readonly contenders: readonly {
    readonly name: string;
    readonly description: string;
    readonly versions: Readonly<Record<string, string>>;
    readonly photosPerSecond: readonly number[];
    readonly meanFeature: number;
    readonly peakBytes: number;
  }[];
  readonly memory?: { readonly images: number; readonly photosPerSecond: number; readonly peakBytes: number };
}

function render(report: Rendered): string {
  const lines = [`# ${report.command}`, "", `${report.date}, ${report.machine}, ${report.threads} threads`, ""];
  for (const { name, description, versions } of report.contenders) {
    const list = Object.entries(versions).map(([library, version]) => `${library} ${version}`);
    lines.push(`* ${name}: ${description} (${list.join(", ")})`);
  }
  lines.push(
    "",
    "| contender | photos/s | range | against it, ours is | peak memory | sum of features a photo |",
    "|---|---|---|---|---|---|",
  );
  const ours = median(report.contenders[0]!.photosPerSecond);
  for (const { name, photosPerSecond, peakBytes, meanFeature } of report.contenders) {
    const rate = median(photosPerSecond);
    const range = `${Math.min(...photosPerSecond).toFixed(1)}-${Math.max(...photosPerSecond).toFixed(1)}`;
    lines.push(
      `| ${name} | ${rate.toFixed(1)} | ${range} | ${(ours / rate).toFixed(2)} x | ${megabytes(peakBytes)} | ${meanFeature.toFixed(4)} |`,
    );
  }
  if (report.memory !== undefined) {
    const { images, peakBytes, photosPerSecond } = report.memory;
    const before = megabytes(report.contenders[0]!.peakBytes);
    lines.push(
      "",
      `* ${images} photos more: ${photosPerSecond.toFixed(1)} photos/s, peak of memory ${before} before, ${megabytes(peakBytes)} after`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
