/**
 * A contender is a child process that answers one JSON line with one JSON line, so that Node, Python and different libraries can take turns in one run.
 * The first line it writes says who it is, or why it cannot take part.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface ContenderDefinition {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly environment?: Readonly<Record<string, string>>;
  /** Added to every request. */
  readonly request?: Readonly<Record<string, unknown>>;
  /** Cannot use more than one thread. */
  readonly singleThreaded?: boolean;
}

/** The peer's best of these is what native is compared with. */
export const PYTORCH = "PyTorch";

const worker = fileURLToPath(new URL("./worker.js", import.meta.url));
const peers = fileURLToPath(new URL("../peers/", import.meta.url));

export function nodeContenders(): ContenderDefinition[] {
  const node = (...rest: string[]): [string, ...string[]] => [process.execPath, worker, ...rest];
  return [
    { name: "native-cpu", command: node("native-cpu") },
    { name: "native-cpu, own gemm", command: node("native-cpu"), environment: { SHOWTELL_BLAS: "none" } },
    {
      name: "tfjs-node",
      command: node("tfjs", "tfjs-node"),
      environment: { TF_NUM_INTRAOP_THREADS: "1", TF_NUM_INTEROP_THREADS: "1" },
      singleThreaded: true,
    },
    { name: "tfjs wasm", command: node("tfjs", "wasm"), singleThreaded: true },
  ];
}

/** @param script a file of bench/peers */
export function peer(name: string, script: string, request: Record<string, unknown> = {}): ContenderDefinition {
  return { name, command: [process.env["PYTHON"] ?? "python3", `${peers}${script}`], request };
}

export interface Introduction {
  readonly description: string;
  readonly versions: Readonly<Record<string, string>>;
}

export class Contender {
  readonly definition: ContenderDefinition;
  readonly introduction: Introduction;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    definition: ContenderDefinition,
    child: ChildProcess,
    lines: AsyncIterator<string>,
    who: Introduction,
  ) {
    this.definition = definition;
    this.#child = child;
    this.#lines = lines;
    this.introduction = who;
  }

  /** The running contender, or the reason why it cannot take part. */
  static async start(definition: ContenderDefinition, directory: string): Promise<Contender | string> {
    const [program, ...rest] = definition.command;
    const child = spawn(program, [...rest, directory], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...definition.environment },
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-2000);
    });
    const failed = new Promise<string>((resolve) => child.once("error", (error) => resolve(error.message)));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([lines.next(), failed]);
    if (typeof first === "string") return first;
    if (first.done) return stderr.trim().split("\n").at(-1) || "ended without a word";
    const answer = JSON.parse(first.value) as Introduction | { unavailable: string };
    if ("unavailable" in answer) {
      child.kill();
      return answer.unavailable;
    }
    return new Contender(definition, child, lines, answer);
  }

  /** Asks and waits for the answer. A failed contender is an error of the benchmark. */
  async ask<Answer>(request: Record<string, unknown>): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify({ ...request, ...this.definition.request })}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error(`${this.definition.name} ended in the middle of the benchmark.`);
    const answer = JSON.parse(line.value) as Answer | { error: string };
    if (typeof answer === "object" && answer !== null && "error" in answer) {
      throw new Error(`${this.definition.name}: ${answer.error}`);
    }
    return answer as Answer;
  }

  close(): void {
    this.#child.stdin?.end();
    this.#child.kill();
  }
}
