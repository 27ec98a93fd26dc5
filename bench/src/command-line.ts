/** What the command lines and the reports of benchmarks have in common. */
import { writeFile } from "node:fs/promises";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { machine } from "./report.js";

/** Options that every benchmark has. */
const COMMON = { json: { type: "string" }, help: { type: "boolean", default: false } } as const;

interface CommandLine<Options> {
  args: string[];
  options: Options & typeof COMMON;
}

/** The values of a benchmark's options, of `--json` besides; `undefined` after the usage was printed. */
export function parseCommandLine<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  argv: readonly string[],
  usage: string,
  options: Options,
): ReturnType<typeof parseArgs<CommandLine<Options>>>["values"] | undefined {
  const { values } = parseArgs<CommandLine<Options>>({
    args: [...argv],
    options: { ...options, ...COMMON },
  });
  if (!(values as { help: boolean }).help) return values;
  process.stdout.write(usage);
  return undefined;
}

export interface ReportHead {
  readonly benchmark: string;
  readonly command: string;
  readonly date: string;
  readonly machine: string;
}

/** Writes what was measured: as Markdown to standard output, and as JSON to the file, if one is named. */
export async function publishFigures<Figures extends object>(
  { benchmark, argv, json }: { benchmark: string; argv: readonly string[]; json: string | undefined },
  figures: Figures,
  render: (report: ReportHead & Figures) => string,
): Promise<void> {
  const command = ["pnpm bench", benchmark, ...argv].join(" ");
  const report = { benchmark, command, date: new Date().toISOString(), machine: machine(), ...figures };
  process.stdout.write(render(report));
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
}
