import { isDeepStrictEqual } from "node:util";
import { CheckpointError, expected } from "../errors.js";
import type { NamedTensors, Tensor } from "../tensor.js";
import type { Checkpoint } from "./checkpoint.js";

/**
 * The mean of several checkpoints' weights, as one captioner: epochs of one training, or trainings that began with the same weights ("model soups",
 * Wortsman et al. 2022). Trainings with starts of their own have no use for it: let those vote together instead.
 * Generation defaults are the first one's. Recipe and scores are left out: no single recipe made it, and nothing has measured it yet.
 * @throws CheckpointError unless all have the same decoder (but for dropout), vocabulary, feature statistics and encoder
 */
export function averageCheckpoints(checkpoints: readonly Checkpoint[]): Checkpoint {
  const [first, ...others] = checkpoints;
  if (!first || others.length === 0) {
    throw new CheckpointError(expected("at least two", "the checkpoints to average", checkpoints.length));
  }
  others.forEach((other, index) => {
    const what = firstDifference(first, other);
    if (what !== undefined) {
      throw new CheckpointError(expected(`the ${what} of the first`, `checkpoint ${index + 2} to average`, "another"), {
        hint: "Only checkpoints of one training, or of trainings started from one, can be averaged; others can vote: --model A B.",
      });
    }
  });
  const { recipe: _, scores: __, ...rest } = first;
  return { ...rest, parameters: meanOf(checkpoints.map(({ parameters }) => parameters)) };
}

function firstDifference(first: Checkpoint, other: Checkpoint): string | undefined {
  const facts = ({ decoder: { dropout: _, ...decoder }, vocabulary, encoder, standardization }: Checkpoint) => ({
    decoder,
    vocabulary: vocabulary.sha256,
    encoder: encoder.fingerprint,
    "feature statistics": standardization,
  });
  const [ours, theirs] = [facts(first), facts(other)];
  return (Object.keys(ours) as (keyof typeof ours)[]).find((key) => !isDeepStrictEqual(ours[key], theirs[key]));
}

function meanOf(all: readonly NamedTensors[]): NamedTensors {
  return new Map(
    [...all[0]!].map(([name, { shape, data }]): [string, Tensor] => {
      const others = all.map((parameters) => parameters.get(name)!.data);
      const mean = data.map((_, i) => others.reduce((sum, values) => sum + values[i]!, 0) / all.length);
      return [name, { shape, data: mean }];
    }),
  );
}
