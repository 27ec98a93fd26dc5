export type Split = "train" | "dev" | "test";

export interface DatasetImage {
  /** Unique in the dataset: the file name as the dataset writes it, or its numeric id as text. */
  readonly id: string;
  /** Absolute path of the image file. It need not exist: the doctor looks. */
  readonly path: string;
  /** As written, untokenised; any number. */
  readonly captions: readonly string[];
  readonly split: Split;
}

export type DatasetFormat = "flickr" | "karpathy" | "coco" | "jsonl" | "csv";

export interface Dataset {
  readonly name: string;
  readonly format: DatasetFormat;
  /** In file order. */
  readonly images: readonly DatasetImage[];
  /** sha256 over ids, captions and splits: stored in checkpoints. */
  readonly sha256: string;
}
