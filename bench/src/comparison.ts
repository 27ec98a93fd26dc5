/** Measures contenders in turns, so that whatever else the machine does falls on all of them alike. */
import { Contender, type ContenderDefinition } from "./contender.js";

export interface Measurement {
  readonly case: string;
  readonly contender: string;
  readonly threads: number;
  /** Captions a second of each repetition. */
  readonly rates: readonly number[];
  readonly median: number;
}

/** What a contender says of one request. */
interface Timing {
  readonly seconds: number;
  /** Processor time of the contender, all threads. */
  readonly cpuSeconds: number;
}

export interface Job {
  readonly case: string;
  readonly threads: number;
  /**
   * `wall`, or `cpu`: processor time, which with one thread is what the wall clock of a machine with nothing else to do would show.
   */
  readonly clock: "wall" | "cpu";
  /** What one request does, in captions. */
  captions(iterations: number): number;
  request(iterations: number): Record<string, unknown>;
  /** Iterations that take about `targetSeconds` given the seconds of one. */
  iterations(secondsOfOne: number): number;
}

/** A contender so slow that its repetitions would take most of the run is measured twice only. */
const SLOW_SECONDS = 8;
const SLOW_REPETITIONS = 2;

export async function startContenders(
  definitions: readonly ContenderDefinition[],
  directory: string,
  log: (line: string) => void,
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const definition of definitions) {
    const started = await Contender.start(definition, directory);
    if (typeof started === "string") log(`skipped ${definition.name}: ${started}`);
    else contenders.push(started);
  }
  return contenders;
}

export async function compare(
  contenders: readonly Contender[],
  job: Job,
  repetitions: number,
  log: (line: string) => void,
): Promise<Measurement[]> {
  const turns: { contender: Contender; iterations: number; repetitions: number; rates: number[] }[] = [];
  for (const contender of contenders) {
    if (contender.definition.singleThreaded && job.threads > 1) continue;
    const ask = (iterations: number) =>
      contender.ask<{ seconds: number }>({ ...job.request(iterations), threads: job.threads });
    // Warm-up: allocation, kernel selection, caches. They are nothing to a contender that takes long.
    const first = await ask(1);
    const { seconds } = first.seconds > SLOW_SECONDS ? first : await ask(1);
    const iterations = job.iterations(seconds);
    const slow = seconds * iterations > SLOW_SECONDS;
    turns.push({
      contender,
      iterations,
      repetitions: slow ? Math.min(SLOW_REPETITIONS, repetitions) : repetitions,
      rates: [],
    });
    log(
      `${job.case}, ${job.threads} thread(s), ${contender.definition.name}: ${(job.captions(1) / seconds).toFixed(0)}/s warm`,
    );
  }
  for (let round = 0; round < repetitions; round++) {
    for (const turn of turns) {
      if (round >= turn.repetitions) continue;
      turn.rates.push(job.captions(turn.iterations) / (await measure(turn.contender, job, turn.iterations)));
    }
  }
  return turns.map(({ contender, rates }) => ({
    case: job.case,
    contender: contender.definition.name,
    threads: job.threads,
    rates,
    median: median(rates),
  }));
}

async function measure(contender: Contender, job: Job, iterations: number): Promise<number> {
  const timing = await contender.ask<Timing>({ ...job.request(iterations), threads: job.threads });
  return job.clock === "cpu" ? timing.cpuSeconds : timing.seconds;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
