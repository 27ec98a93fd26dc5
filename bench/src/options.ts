/** Options that `bench decode` and `bench train` share. */
import { parseArgs } from "node:util";
import { parseCount, parseCounts } from "./parse-count.js";

export interface BenchOptions {
  readonly threads: readonly number[];
  readonly repetitions: number;
  readonly peers: boolean;
  readonly clock: "wall" | "cpu";
  readonly only: RegExp;
  readonly contenders: RegExp;
  readonly json: string | undefined;
}

const HELP = `Options:
  --peers             also run PyTorch (python3 with torch and numpy; the variable PYTHON names another interpreter)
  --threads <list>    thread counts, for example 1,2 (default 1)
  --repetitions <n>   measurements of each contender, in turns (default 5)
  --only <regex>      cases whose name matches
  --contenders <regex>
  --json <file>       also write the result as JSON
  --cpu-time          processor time instead of the wall clock: for one thread on a machine that is busy with other work
`;

/** The options, or `undefined` after the help was printed. */
export function parseBenchOptions(argv: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      peers: { type: "boolean", default: false },
      "cpu-time": { type: "boolean", default: false },
      threads: { type: "string", default: "1" },
      repetitions: { type: "string", default: "5" },
      only: { type: "string", default: "" },
      contenders: { type: "string", default: "" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return undefined;
  }
  return {
    threads: parseCounts("--threads", values.threads),
    repetitions: parseCount("--repetitions", values.repetitions),
    peers: values.peers,
    clock: values["cpu-time"] ? "cpu" : "wall",
    only: new RegExp(values.only),
    contenders: new RegExp(values.contenders),
    json: values.json,
  };
}
