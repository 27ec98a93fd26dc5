import { countSplits, type SplitCounts } from "./caption-pairs.js";
import { checkPhotos } from "./check-photos.js";
import type { DatasetFormat, Split } from "./dataset.js";
import type { DraftImage } from "./dataset-builder.js";
import {
  type DatasetFault,
  type DatasetFaultCode,
  DatasetFaultError,
  fault,
  type ReportFault,
} from "./dataset-fault.js";
import { pathKind } from "./file-access.js";
import { MAX_LISTED_FAULTS } from "./limits.js";
import { type DatasetOptions, type DraftDataset, finishDataset, readDataset } from "./read-dataset.js";

export interface DiagnosisOptions extends DatasetOptions {
  /** Decode every photo, as encoding will: finds truncated ones. Default false: every photo is read, hashed and told by its first bytes. */
  readonly decodeImages?: boolean;
  readonly signal?: AbortSignal;
  /** Photos checked so far. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface DatasetReport {
  readonly path: string;
  /** What was read; null where a file is so damaged that reading it had to stop: then `faults` says where. */
  readonly dataset: {
    readonly name: string;
    readonly format: DatasetFormat;
    readonly files: readonly string[];
    readonly sha256: string;
    readonly splits: Readonly<Record<Split, SplitCounts>>;
    /** Images with captions that belong to no split. */
    readonly leftOut: SplitCounts;
  } | null;
  /** In the order found: files first, captions, then photos; at most MAX_LISTED_FAULTS of each code. */
  readonly faults: readonly DatasetFault[];
  /** All of them, also those that are not listed. */
  readonly faultCounts: Readonly<Partial<Record<DatasetFaultCode, number>>>;
  readonly errorCount: number;
  readonly warningCount: number;
}

/**
 * Names every fault of a dataset, with file and line: of its files, its captions, its splits and its photos.
 * @throws DatasetError when there is no dataset at the path at all; AbortedError.
 */
export async function diagnoseDataset(path: string, options: DiagnosisOptions = {}): Promise<DatasetReport> {
  const found = new FaultList();
  let draft: DraftDataset;
  try {
    draft = await readDataset(path, options, found.report);
  } catch (error) {
    if (!(error instanceof DatasetFaultError)) throw error;
    found.report(error.fault);
    return { path, dataset: null, ...found.summary() };
  }
  for (const image of draft.images) checkCaptions(image, found.report);
  await checkLeftOut(draft, found.report);
  const dataset = finishDataset(draft);
  const splits = countSplits(dataset);
  checkSplits(splits, draft, found.report);
  await checkPhotos(draft, { ...options, decodeImages: options.decodeImages ?? false }, found.report);
  const { name, format, sha256 } = dataset;
  const leftOut = {
    images: draft.leftOut.length,
    captions: draft.leftOut.reduce((sum, image) => sum + image.captions.length, 0),
  };
  return { path, dataset: { name, format, files: draft.files, sha256, splits, leftOut }, ...found.summary() };
}

class FaultList {
  private readonly listed: DatasetFault[] = [];
  private readonly counts: Partial<Record<DatasetFaultCode, number>> = {};
  private errorCount = 0;
  private warningCount = 0;

  readonly report: ReportFault = (fault) => {
    const count = (this.counts[fault.code] ?? 0) + 1;
    this.counts[fault.code] = count;
    if (fault.severity === "error") this.errorCount += 1;
    else this.warningCount += 1;
    if (count <= MAX_LISTED_FAULTS) this.listed.push(fault);
  };

  summary() {
    const { listed, counts, errorCount, warningCount } = this;
    return { faults: listed, faultCounts: counts, errorCount, warningCount };
  }
}

function checkCaptions(image: DraftImage, report: ReportFault): void {
  if (image.captions.length === 0) {
    const hint = "It takes no part in training and cannot be scored: write captions or remove it.";
    report(fault("warning", "image-without-captions", image.place, "captions", `none for ${image.id}`, hint));
  }
  const seen = new Set<string>();
  for (const caption of image.captions) {
    if (!/[\p{L}\p{N}]/u.test(caption.text)) {
      const hint = "It teaches the model to say nothing: write a sentence or remove it.";
      report(fault("warning", "wordless-caption", caption, `a word in the caption of ${image.id}`, caption.text, hint));
    }
    if (seen.has(caption.text)) {
      const hint = "It weighs double in training and counts twice as a reference.";
      report(fault("warning", "duplicate-caption", caption, `different captions of ${image.id}`, caption.text, hint));
    }
    seen.add(caption.text);
  }
}

async function checkLeftOut(draft: DraftDataset, report: ReportFault): Promise<void> {
  for (const image of draft.leftOut) {
    if ((await pathKind(draft.pathOf(image))) === undefined) {
      const hint = "The captions are left out. Flickr8k as published has such an entry.";
      const what = `a photo for the captions of ${image.id}`;
      report(fault("warning", "caption-of-missing-image", image.place, what, "none, and no split list names it", hint));
    } else {
      const hint = "The image is left out: add its name to a split list to use it.";
      report(fault("warning", "image-in-no-split", image.place, `a split list that names ${image.id}`, "none", hint));
    }
  }
}

function checkSplits(splits: Readonly<Record<Split, SplitCounts>>, draft: DraftDataset, report: ReportFault): void {
  const place = { file: draft.files[0]!, line: null };
  if (splits.train.captions === 0) {
    report(
      fault(
        "error",
        "empty-split",
        place,
        "captions in the train split",
        "none",
        "Nothing can be trained on this dataset.",
      ),
    );
  }
  if (splits.dev.captions === 0) {
    const hint = "Training cannot tell when to stop: put a tenth of the images into dev.";
    report(fault("warning", "empty-split", place, "captions in the dev split", "none", hint));
  }
}
