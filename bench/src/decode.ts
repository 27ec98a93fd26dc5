/** `pnpm bench decode`: captions a second from features. */
import { compare, type Measurement, startContenders } from "./comparison.js";
import { type Contender, nodeContenders, PYTORCH, peer } from "./contender.js";
import { type BenchOptions, parseBenchOptions } from "./options.js";
import { makeReport, publish } from "./report.js";
import { withTemporaryDirectory } from "./temporary-directory.js";
import { DECODE_CASES, type DecodeCase, writeWorkload } from "./workload.js";

const TARGET_SECONDS = 1;

export async function run(argv: readonly string[]): Promise<void> {
  const options = parseBenchOptions(argv);
  if (options === undefined) return;
  await withTemporaryDirectory((directory) => compareDecoding(directory, options, argv));
}

async function compareDecoding(directory: string, options: BenchOptions, argv: readonly string[]): Promise<void> {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const cases = DECODE_CASES.filter((one) => options.only.test(one.name));
  const peers = ["MKL", "oneDNN"].map((products) => peer(`${PYTORCH} ${products}`, "decode.py", { products }));
  const definitions = [...nodeContenders(), ...(options.peers ? peers : [])];
  let contenders: Contender[] = [];
  try {
    await writeWorkload(directory, { decode: cases });
    const chosen = definitions.filter((definition) => options.contenders.test(definition.name));
    contenders = await startContenders(chosen, directory, log);
    const measurements: Measurement[] = [];
    const agreement: string[] = [];
    for (const one of cases) {
      agreement.push(...(await compareCaptions(contenders, one)));
      for (const threads of options.threads) {
        const job = {
          case: one.name,
          threads,
          clock: options.clock,
          captions: (iterations: number) => one.images * iterations,
          request: (iterations: number) => ({ do: "decode", case: one.name, iterations }),
          iterations: (seconds: number) => Math.max(1, Math.round(TARGET_SECONDS / seconds)),
        };
        measurements.push(...(await compare(contenders, job, options.repetitions, log)));
      }
    }
    await publish(makeReport("decode", argv, contenders, measurements, agreement), options.json);
  } finally {
    for (const contender of contenders) contender.close();
  }
}

/** Captions of each contender against the first one's: they differ only where two hypotheses are nearly tied. */
async function compareCaptions(contenders: readonly Contender[], one: DecodeCase): Promise<string[]> {
  const lines: string[] = [];
  let first: { name: string; captions: number[][] } | undefined;
  for (const contender of contenders) {
    const { name } = contender.definition;
    const { captions } = await contender.ask<{ captions: number[][] }>({
      do: "decode",
      case: one.name,
      threads: 1,
      iterations: 1,
    });
    if (first === undefined) first = { name, captions };
    else {
      const reference = first.captions;
      const same = captions.filter((caption, image) => caption.join() === reference[image]?.join()).length;
      lines.push(`${one.name}: ${name} and ${first.name} give ${same} of ${one.images} captions alike`);
    }
  }
  return lines;
}
