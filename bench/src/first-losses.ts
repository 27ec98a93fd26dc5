import type { Contender } from "./contender.js";
import type { TrainCase } from "./workload.js";

/** Loss per token of three steps without dropout, for each contender: the same arithmetic, or the times mean nothing. */
export async function firstLosses(contenders: readonly Contender[], one: TrainCase): Promise<string[]> {
  const lines: string[] = [];
  for (const contender of contenders) {
    const { losses } = await contender.ask<{ losses: number[] }>({ do: "losses", case: one.name, threads: 1 });
    const figures = losses.map((loss) => loss.toFixed(5)).join(", ");
    lines.push(`${one.name}: loss per token of the first steps, ${contender.definition.name}: ${figures}`);
  }
  return lines;
}
