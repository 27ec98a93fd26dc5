import { DatasetError, expected } from "../errors.js";

export type DatasetFaultCode =
  | "bad-line"
  | "bad-json"
  | "bad-record"
  | "bad-image-name"
  | "invalid-utf8"
  | "unknown-split"
  | "conflicting-split"
  | "overlapping-splits"
  | "duplicate-id"
  | "caption-too-long"
  | "limit"
  | "empty-caption"
  | "wordless-caption"
  | "duplicate-caption"
  | "image-without-captions"
  | "caption-of-unknown-image"
  | "caption-of-missing-image"
  | "image-in-no-split"
  | "missing-image"
  | "unreadable-image"
  | "duplicate-image"
  | "leaked-image"
  | "empty-split";

export interface DatasetFault {
  /** An error stops `loadDataset`, or costs a photo or the meaning of the scores; a warning does neither. */
  readonly severity: "error" | "warning";
  readonly code: DatasetFaultCode;
  readonly file: string;
  /** From 1; null where the fault is of the file as a whole. In a JSON document: the line the element begins on. */
  readonly line: number | null;
  readonly message: string;
  readonly hint: string;
}

/** Where something stands in a dataset's files. */
export interface Place {
  readonly file: string;
  readonly line: number | null;
}

/** Readers hand every fault to one of these: loading stops at the first error, diagnosing collects them all. */
export type ReportFault = (fault: DatasetFault) => void;

/** A fault that ends the reading of a file: everybody throws it, only the diagnosis catches it. */
export class DatasetFaultError extends DatasetError {
  readonly fault: DatasetFault;

  constructor(fault: DatasetFault, cause?: unknown) {
    super(fault.message, { hint: fault.hint, cause });
    this.fault = fault;
  }
}

/** A fault whose message is the one sentence every argument error uses, with the place as the name. */
export function fault(
  severity: DatasetFault["severity"],
  code: DatasetFaultCode,
  place: Place,
  what: string,
  actual: unknown,
  hint: string,
): DatasetFault {
  const { file, line } = place;
  return { severity, code, file, line, message: expected(what, placeName(place), actual), hint };
}

export function placeName({ file, line }: Place): string {
  return line === null ? file : `${file}:${line}`;
}
