import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { CheckpointError, expected } from "../errors.js";
import { decodeFloat16, encodeFloat16 } from "../float16.js";
import type { NamedTensors, Tensor } from "../tensor.js";
import {
  bytesPerValue,
  MAX_FILE_BYTES,
  PREFIX_BYTES,
  parseSafetensorsHeader,
  type StoredDtype,
  type StoredTensor,
} from "./safetensors-header.js";

export interface EncodeOptions {
  /** How each tensor is stored; F32 where absent. */
  readonly dtypeOf?: (name: string, tensor: Tensor) => StoredDtype;
  /** Texts for people, kept in the header. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of a safetensors file, tensors in the order of the map. The same tensors give the same bytes.
 * @throws CheckpointError for a finite value that F16 cannot hold
 */
export function encodeSafetensors(tensors: NamedTensors, options: EncodeOptions = {}): Uint8Array {
  const header: Record<string, unknown> = options.metadata ? { __metadata__: options.metadata } : {};
  const stored: { tensor: Tensor; dtype: StoredDtype; begin: number; name: string }[] = [];
  let position = 0;
  for (const [name, tensor] of tensors) {
    const dtype = options.dtypeOf?.(name, tensor) ?? "F32";
    const end = position + tensor.data.length * bytesPerValue(dtype);
    header[name] = { dtype, shape: tensor.shape, data_offsets: [position, end] };
    stored.push({ tensor, dtype, begin: position, name });
    position = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Trailing spaces are allowed and keep the data aligned, so that readers can use it in place.
  const headerBytes = Math.ceil(json.byteLength / 8) * 8;
  const bytes = new Uint8Array(PREFIX_BYTES + headerBytes + position).fill(
    0x20,
    PREFIX_BYTES,
    PREFIX_BYTES + headerBytes,
  );
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, PREFIX_BYTES);
  for (const { tensor, dtype, begin, name } of stored) {
    bytes.set(encodeValues(tensor.data, dtype, name), PREFIX_BYTES + headerBytes + begin);
  }
  return bytes;
}

/**
 * The tensors of a safetensors file, widened to float32. F32 tensors may share memory with `bytes`.
 * @throws CheckpointError for anything that is not a well-formed file of F32 and F16 tensors
 */
export function decodeSafetensors(bytes: Uint8Array, file: string): NamedTensors {
  const { tensors, dataStart } = parseSafetensorsHeader(bytes, file);
  return new Map(tensors.map((stored) => [stored.name, decodeTensor(bytes, dataStart, stored)]));
}

export interface ReadOptions {
  /** Exactly these tensors must be in the file. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
  readonly sha256?: string;
}

/**
 * Reads a safetensors file. Size, then hash, then header, names and shapes are checked before any tensor is made.
 * @throws CheckpointError naming the file and what is wrong with it
 */
export async function readSafetensors(path: string, options: ReadOptions = {}): Promise<NamedTensors> {
  const bytes = await readBounded(path, MAX_FILE_BYTES);
  if (options.sha256 !== undefined) checkSha256(bytes, options.sha256, path);
  const header = parseSafetensorsHeader(bytes, path);
  if (options.shapes) checkShapes(header.tensors, options.shapes, path);
  return new Map(header.tensors.map((stored) => [stored.name, decodeTensor(bytes, header.dataStart, stored)]));
}

/**
 * The whole file, if it is not larger than the limit: nothing is allocated before that is known.
 * @throws CheckpointError where the file is missing or too large
 */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    throw new CheckpointError(expected("a readable file", path, cause.code ?? cause.message), {
      hint: "A checkpoint is a folder with config.json, vocabulary.json and decoder.safetensors: give the folder that holds them.",
      cause,
    });
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new CheckpointError(expected("a file", path, "a folder or device"));
    if (stat.size > maxBytes) throw new CheckpointError(expected(`at most ${maxBytes} bytes`, path, stat.size));
    const bytes = new Uint8Array(stat.size);
    let filled = 0;
    while (filled < bytes.byteLength) {
      const { bytesRead } = await file.read(bytes, filled, bytes.byteLength - filled, filled);
      if (bytesRead === 0) throw new CheckpointError(expected(`${bytes.byteLength} bytes`, path, filled));
      filled += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** @throws CheckpointError */
export function checkSha256(bytes: Uint8Array, sha256: string, path: string): void {
  const actual = sha256Of(bytes);
  if (actual !== sha256) {
    throw new CheckpointError(
      expected(`the contents with sha256 ${sha256.slice(0, 16)}…`, path, `${actual.slice(0, 16)}…`),
      {
        hint: "The file was changed or damaged after the checkpoint was written: copy the whole folder again from where it came from.",
      },
    );
  }
}

function checkShapes(
  tensors: readonly StoredTensor[],
  shapes: ReadonlyMap<string, readonly number[]>,
  path: string,
): void {
  const hint = "The weights belong to another model than config.json describes: copy the whole folder again.";
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const [name, shape] of shapes) {
    const actual = found.get(name);
    if (!actual)
      throw new CheckpointError(expected(`tensor ${JSON.stringify(name)}`, path, "a file without it"), { hint });
    if (`${actual.shape}` !== `${shape}`) {
      throw new CheckpointError(
        expected(`shape [${shape}]`, `tensor ${JSON.stringify(name)} in ${path}`, actual.shape),
        { hint },
      );
    }
  }
  const surplus = tensors.find((tensor) => !shapes.has(tensor.name));
  if (surplus) throw new CheckpointError(expected("no other tensors", path, surplus.name), { hint });
}

function encodeValues(values: Float32Array, dtype: StoredDtype, name: string): Uint8Array {
  if (dtype === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const halves = encodeFloat16(values);
  const overflow = halves.findIndex((half, i) => (half & 0x7fff) === 0x7c00 && Number.isFinite(values[i]!));
  if (overflow >= 0) {
    throw new CheckpointError(
      expected("values within ±65504", `tensor ${JSON.stringify(name)} stored as F16`, values[overflow]!),
      {
        hint: "Store this model as F32.",
      },
    );
  }
  return new Uint8Array(halves.buffer);
}

function decodeTensor(bytes: Uint8Array, dataStart: number, stored: StoredTensor): Tensor {
  const begin = bytes.byteOffset + dataStart + stored.begin;
  const end = bytes.byteOffset + dataStart + stored.end;
  const width = bytesPerValue(stored.dtype);
  // Typed arrays need aligned offsets, which other writers do not promise: those are copied.
  const aligned = begin % width === 0;
  const buffer = aligned ? bytes.buffer : bytes.buffer.slice(begin, end);
  const offset = aligned ? begin : 0;
  const length = (stored.end - stored.begin) / width;
  const data =
    stored.dtype === "F32"
      ? new Float32Array(buffer, offset, length)
      : decodeFloat16(new Uint16Array(buffer, offset, length));
  return { shape: stored.shape, data };
}
