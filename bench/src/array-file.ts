/** Arrays in one binary file with an index of names: what the contenders of a benchmark share, whatever language they are written in. */
import { open } from "node:fs/promises";

export interface ArrayEntry {
  readonly dtype: "float32" | "int32";
  readonly shape: readonly number[];
  /** In bytes; little-endian, row-major. */
  readonly offset: number;
}

export type ArrayIndex = Record<string, ArrayEntry>;

/** Name → shape and values, to be written. */
export type Arrays = Map<string, { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array }>;

export async function writeArrays(path: string, arrays: Arrays): Promise<ArrayIndex> {
  const index: ArrayIndex = {};
  const file = await open(path, "w");
  try {
    let offset = 0;
    for (const [name, { shape, data }] of arrays) {
      index[name] = { dtype: data instanceof Int32Array ? "int32" : "float32", shape, offset };
      await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      offset += data.byteLength;
    }
  } finally {
    await file.close();
  }
  return index;
}

export class ArrayFile {
  readonly #index: ArrayIndex;
  readonly #bytes: ArrayBuffer;

  constructor(index: ArrayIndex, bytes: Uint8Array) {
    this.#index = index;
    this.#bytes = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#index, name);
  }

  names(prefix: string): string[] {
    return Object.keys(this.#index).filter((name) => name.startsWith(prefix));
  }

  float32(name: string): { shape: readonly number[]; data: Float32Array } {
    const { shape, offset } = this.#entry(name);
    return { shape, data: new Float32Array(this.#bytes, offset, product(shape)) };
  }

  int32(name: string): Int32Array {
    const { shape, offset } = this.#entry(name);
    return new Int32Array(this.#bytes, offset, product(shape));
  }

  #entry(name: string): ArrayEntry {
    const entry = this.#index[name];
    if (entry === undefined) throw new Error(`Expected an array named ${name} but received none.`);
    return entry;
  }
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}
