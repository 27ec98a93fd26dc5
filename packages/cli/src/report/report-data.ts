import type { Dataset, PrefixLosses, RecipeKey, RecordedEpoch, Split } from "@showtell/core";
import type { CaptionStatistics, Comparison, Interval, NearestCaption } from "@showtell/eval";

/** Everything a report says, without its pictures: what `showtell report --json` prints. Losses in nats, scores unscaled. */
export interface ReportData {
  readonly formatVersion: 1;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly versions: { readonly showtell: string; readonly node: string; readonly backend: string };
  readonly dataset: ReportedDataset;
  /** In the order of tables. */
  readonly metrics: readonly { readonly key: string; readonly name: string }[];
  /** Metric key → mean score of each reference against the others; absent where an image has one reference only. */
  readonly people?: Readonly<Record<string, number>>;
  /** The first is the one the report is about; the others are compared with it. */
  readonly runs: readonly ReportedRun[];
  /** The rest is about the first run. */
  readonly prefixLosses: PrefixLosses;
  /** Captions in five groups of equal size, from the least to the most confident. */
  readonly confidenceGroups: readonly ConfidenceGroup[];
  readonly words: WordUse;
  /** In dataset order. */
  readonly captions: readonly ReportedCaption[];
  /** Image ids of each list. */
  readonly shown: Readonly<Record<ShownList, readonly string[]>>;
}

/** A fair sample first: the other lists are extremes. */
export const SHOWN_LISTS = ["sample", "best", "worst", "uncertain"] as const;
export type ShownList = (typeof SHOWN_LISTS)[number];

export interface ReportedDataset extends Pick<Dataset, "name" | "format" | "sha256"> {
  readonly split: Split;
  /** Of the split, with captions to compare with. */
  readonly images: number;
  readonly references: number;
  readonly trainImages: number;
  readonly trainCaptions: number;
  /** Not captioned: never encoded, or unreadable then. */
  readonly withoutFeatures: readonly string[];
  /** Captioned from stored features; there is no picture to show. */
  readonly withoutPhoto: readonly string[];
}

export interface ReportedRun {
  /** The run folder's name, or the checkpoint's. */
  readonly name: string;
  readonly path: string;
  readonly model: ReportedModel;
  /** Every key, defaults marked; empty for a checkpoint without one. */
  readonly recipe: readonly RecipeKey[];
  /** Empty for a checkpoint outside a run. */
  readonly epochs: readonly RecordedEpoch[];
  /** Epochs the recipe asks for. */
  readonly plannedEpochs?: number;
  /** Teacher-forced, of the split. */
  readonly lossPerToken: number;
  /** By metric key. */
  readonly scores: Readonly<Record<string, number>>;
  readonly intervals: Readonly<Record<string, Interval>>;
  readonly signatures: Readonly<Record<string, string>>;
  readonly statistics: CaptionStatistics;
  /** By metric key: this run minus the first. */
  readonly againstFirst?: Readonly<Record<string, Comparison>>;
}

export interface ReportedModel {
  readonly encoder: string;
  readonly embeddingSize: number;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly attentionHeads: number;
  readonly vocabularySize: number;
  readonly parameterCount: number;
  /** Epoch of the checkpoint, where it says. */
  readonly epoch?: number;
  readonly decoding: Readonly<Record<string, string | number | boolean>>;
}

export interface ConfidenceGroup {
  readonly from: number;
  readonly to: number;
  readonly captions: number;
  readonly meanScore: number;
}

export interface WordUse {
  /** Words of the training captions by how frequent they are there, and how many of each band are said at all. */
  readonly bands: readonly {
    readonly fromRank: number;
    readonly toRank: number;
    readonly inCaptions: number;
    readonly inReferences: number;
  }[];
  /** Said more often than by people; largest difference first. */
  readonly overused: readonly WordShare[];
  /** Said by people and never by the model; most frequent first. */
  readonly neverSaid: readonly WordShare[];
}

export interface WordShare {
  readonly word: string;
  /** Shares of the captions and of the references that have it. */
  readonly inCaptions: number;
  readonly inReferences: number;
}

export interface ReportedCaption {
  readonly id: string;
  readonly caption: string;
  readonly references: readonly string[];
  /** By metric key. */
  readonly scores: Readonly<Record<string, number>>;
  /** Geometric mean of the words' probabilities. */
  readonly confidence: number;
  readonly words: readonly ReportedWord[];
  readonly endedByMaxLength: boolean;
  /** Absent where there are no training captions. */
  readonly nearest?: NearestCaption;
  /** What the other runs say, in their order. */
  readonly others: readonly string[];
}

interface ReportedWord {
  /** The last one of a complete caption is `<end>`. */
  readonly word: string;
  readonly probability: number;
  /** `[cells]`, rows from the top left; sums to 1. Of shown captions of attention models. */
  readonly attention?: readonly number[];
}

/** A picture inside the page. */
export interface Picture {
  /** `data:` */
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/** What the page shows besides the data. By image id; a photo that cannot be read is in none of them. */
export interface ReportPictures {
  /** For the table. */
  readonly small: ReadonlyMap<string, Picture>;
  /** Of shown captions. */
  readonly large: ReadonlyMap<string, Picture>;
  /** Of shown captions: for each word, shade over what it did not attend to, to be stretched over `attendedRegion`. */
  readonly shades: ReadonlyMap<string, readonly string[]>;
  /** Whether the encoder saw the whole photo or its central square. */
  readonly attendedRegion: "whole" | "square";
}
