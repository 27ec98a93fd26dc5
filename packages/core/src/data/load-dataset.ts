import { DatasetError, expected } from "../errors.js";
import type { Dataset } from "./dataset.js";
import { DatasetFaultError } from "./dataset-fault.js";
import { type DatasetOptions, finishDataset, readDataset } from "./read-dataset.js";

/**
 * Loads a captioning dataset; its format is told by its content: Flickr8k/30k, Karpathy JSON, COCO captions JSON, JSONL, CSV.
 * Photos are not opened: `diagnoseDataset` looks at them.
 * @param path a caption file or the directory it is in
 * @throws DatasetError with file and line at the first error (the faults that `diagnoseDataset` calls errors, but for those of the photos).
 */
export async function loadDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const draft = await readDataset(path, options, (fault) => {
    if (fault.severity === "error") throw new DatasetFaultError(fault);
  });
  if (draft.images.every((image) => image.captions.length === 0)) {
    throw new DatasetError(expected("captions", draft.files.join(", "), "none"), {
      hint: "Look at it with `showtell doctor --data`.",
    });
  }
  return finishDataset(draft);
}
