import { isUtf8 } from "node:buffer";
import { readFile, stat } from "node:fs/promises";
import { DatasetFaultError, fault, type ReportFault } from "./dataset-fault.js";
import { unreadableFile } from "./file-access.js";
import { elementLines, syntaxErrorLine } from "./json-position.js";
import { MAX_JSON_BYTES } from "./limits.js";
import { invalidUtf8 } from "./read-lines.js";

export interface JsonDocument {
  readonly file: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** The line on which an element of a top-level array begins. */
  lineOf(key: string, index: number): number | null;
}

/**
 * Reads a JSON document whose value is an object.
 * @throws DatasetFaultError for a file that is too long or no JSON object.
 */
export async function readJsonDocument(file: string, report: ReportFault): Promise<JsonDocument> {
  const bytes = await readWhole(file);
  if (!isUtf8(bytes)) report(invalidUtf8(file, firstInvalidLine(bytes)));
  const text = bytes.toString("utf8").replace(/^\ufeff/, "");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const place = { file, line: syntaxErrorLine(text) };
    const hint = "The file is damaged or was cut off: download or export it again.";
    const actual = error instanceof Error ? error.message : String(error);
    throw new DatasetFaultError(fault("error", "bad-json", place, "valid JSON", actual, hint), error);
  }
  const record = asRecord(value);
  if (record === undefined) {
    const hint = "Karpathy and COCO files are objects with an `images` array; see docs/formats/datasets.md.";
    throw new DatasetFaultError(fault("error", "bad-json", { file, line: 1 }, "a JSON object", value, hint));
  }
  const lines = elementLines(bytes);
  return { file, value: record, lineOf: (key, index) => lines.get(key)?.[index] ?? null };
}

async function readWhole(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > MAX_JSON_BYTES) {
      const hint = "Split the file, or convert it to JSONL, which is read as a stream.";
      throw new DatasetFaultError(
        fault("error", "limit", { file, line: null }, `at most ${MAX_JSON_BYTES} bytes`, size, hint),
      );
    }
    return await readFile(file);
  } catch (error) {
    throw unreadableFile(file, error);
  }
}

function firstInvalidLine(bytes: Buffer): number {
  let line = 1;
  let from = 0;
  for (let end = bytes.indexOf(10); end !== -1 && isUtf8(bytes.subarray(from, end)); end = bytes.indexOf(10, from)) {
    from = end + 1;
    line += 1;
  }
  return line;
}

/** The value as an object with string keys, or undefined for arrays, null and scalars. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
