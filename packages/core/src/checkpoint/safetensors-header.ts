/**
 * The header of a safetensors file: eight bytes little-endian length, then that many bytes of JSON
 * { name: { dtype, shape, data_offsets: [begin, end] }, "__metadata__": { text: text } }, then the data. Offsets count from the end of the header;
 * tensors lie one after another without gaps (https://github.com/huggingface/safetensors, "Format").
 */
import { CheckpointError, expected } from "../errors.js";
import { sizeOf } from "../tensor.js";

export const MAX_HEADER_BYTES = 4 * 1024 * 1024;
const MAX_TENSORS = 4096;
const MAX_RANK = 8;
export const MAX_FILE_BYTES = 2 ** 31 - 1;
/** Bytes of the length that precedes the header. */
export const PREFIX_BYTES = 8;

const BYTES_PER_VALUE = { F32: 4, F16: 2 } as const;

/** Element types this project reads and writes. */
export type StoredDtype = keyof typeof BYTES_PER_VALUE;

export interface StoredTensor {
  readonly name: string;
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  /** Byte offsets into the data section. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly tensors: readonly StoredTensor[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data section starts in the file. */
  readonly dataStart: number;
}

export function bytesPerValue(dtype: StoredDtype): number {
  return BYTES_PER_VALUE[dtype];
}

/**
 * Reads and checks the header of a whole file.
 * @param file for messages
 * @throws CheckpointError naming the file, the tensor and the value that is wrong
 */
export function parseSafetensorsHeader(bytes: Uint8Array, file: string): SafetensorsHeader {
  if (bytes.byteLength < PREFIX_BYTES + 2) throw damaged(`at least ${PREFIX_BYTES + 2} bytes`, file, bytes.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const room = Math.min(MAX_HEADER_BYTES, bytes.byteLength - PREFIX_BYTES);
  if (length < 2 || length > room) throw damaged(`2 … ${room} bytes`, `the header length of ${file}`, length);
  const dataStart = PREFIX_BYTES + length;
  const entries = Object.entries(parseJsonObject(bytes.subarray(PREFIX_BYTES, dataStart), file));
  if (entries.length > MAX_TENSORS + 1) throw damaged(`at most ${MAX_TENSORS} tensors`, file, entries.length);

  const tensors: StoredTensor[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of entries) {
    if (name === "__metadata__") metadata = parseMetadata(value, file);
    else tensors.push(parseEntry(name, value, file));
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(tensors, bytes.byteLength - dataStart, file);
  return { tensors, metadata, dataStart };
}

function parseJsonObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw damaged("UTF-8 JSON", `the header of ${file}`, (cause as Error).message);
  }
  if (!isRecord(value)) throw damaged("a JSON object", `the header of ${file}`, value);
  return value;
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (!isRecord(value)) throw damaged("an object of texts", `__metadata__ in ${file}`, value);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw damaged("a text", `__metadata__.${key} in ${file}`, text);
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, file: string): StoredTensor {
  const of = `tensor ${JSON.stringify(name)} in ${file}`;
  if (!isRecord(value)) throw damaged("an object", of, value);
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const surplus = Object.keys(rest)[0];
  if (surplus !== undefined) throw damaged("dtype, shape and data_offsets", of, surplus);
  if (dtype !== "F32" && dtype !== "F16") throw damaged("F32 or F16", `dtype of ${of}`, dtype);
  if (!isCounts(shape) || shape.length > MAX_RANK) {
    throw damaged(`at most ${MAX_RANK} non-negative integers`, `shape of ${of}`, shape);
  }
  if (!isCounts(offsets) || offsets.length !== 2) throw damaged("two byte offsets", `data_offsets of ${of}`, offsets);
  const [begin, end] = offsets as [number, number];
  const bytes = sizeOf(shape) * BYTES_PER_VALUE[dtype];
  if (end - begin !== bytes) throw damaged(`${bytes} bytes (${dtype} [${shape}])`, `data of ${of}`, end - begin);
  return { name, dtype, shape, begin, end };
}

function checkLayout(tensors: readonly StoredTensor[], dataBytes: number, file: string): void {
  let position = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== position) throw damaged(`${position}`, `start of tensor ${JSON.stringify(name)} in ${file}`, begin);
    position = end;
  }
  if (position !== dataBytes) throw damaged(`${position} bytes of data`, file, dataBytes);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function damaged(what: string, name: string, actual: unknown): CheckpointError {
  return new CheckpointError(expected(what, name, actual), {
    hint: "The file is damaged, cut short or not a safetensors file: copy it again from where it came from.",
  });
}
