import { CheckpointError, expected, readCheckpointConfig } from "@showtell/core/captioning";
import { defaultCaptionerName, pretrainedCaptioners } from "@showtell/pretrained";

/** Folder of the captioner that is used where none is named. */
export function defaultCaptionerPath(): string {
  return pretrainedCaptioners[defaultCaptionerName]!;
}

/**
 * Folder that `--model` names: a captioner that ships, or a checkpoint.
 * @throws CheckpointError for a name that is neither
 */
export function findCaptioner(nameOrPath: string): string {
  const shipped = pretrainedCaptioners[nameOrPath];
  if (shipped !== undefined) return shipped;
  if (nameOrPath.trim() !== "") return nameOrPath;
  throw new CheckpointError(expected("a checkpoint folder or the name of a captioner", "--model", nameOrPath), {
    hint: `Captioners that ship: ${Object.keys(pretrainedCaptioners).join(", ")}.`,
  });
}

/** One line about a checkpoint, from its config alone. */
export async function summarizeCheckpoint(path: string): Promise<string> {
  const { decoder, vocabulary, scores } = await readCheckpointConfig(path);
  const kind = decoder.attention ? "attention over the grid" : "pooled features";
  const parts = [`LSTM ${decoder.hiddenSize} x ${decoder.layerCount}, ${kind}`, `${vocabulary.size} words`];
  const cider = scores?.values["CIDEr-D"];
  if (cider !== undefined) parts.push(`CIDEr-D ${(100 * cider).toFixed(1)} on ${scores!.split}`);
  return `${parts.join(", ")}, ${path}`;
}
