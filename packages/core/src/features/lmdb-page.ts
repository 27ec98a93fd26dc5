import { readSync } from "node:fs";
import type { StoredValue } from "./lmdb-table.js";

/** Layout of LMDB's pages (mdb.c of the lmdb package: MDB_page_header, MDB_node, MDB_ovpage, MDB_meta, MDB_db), 64 bits, little-endian. */
export const PAGE_HEADER_BYTES = 24;
const PAGE = { number: 0, transaction: 8, flags: 18, entryBytes: 20 } as const;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;

/** Entry: low and high half of a size (in leaves) or a page number (in branches, whose flags are its top), then key, then data. */
const ENTRY = { low: 0, flags: 4, keySize: 6, key: 8 } as const;
const BIG_DATA = 0x01;
const SUB_TABLE = 0x02;
/** Of a table's record. */
const TABLE_ROOT = 40;

const MAGIC = 0xbeefc0de;
const META = { magic: 24, pageSize: 48, mainRoot: 136, lastPage: 144, transaction: 152, end: 160 } as const;
const PAGE_SIZES = [4096, 8192, 16_384, 32_768, 65_536];

/** A page of a tree, or the first of a value. Reading what is not there gives `undefined`: the file may be damaged. */
export class LmdbPage {
  constructor(private readonly bytes: Buffer) {}

  get number(): number {
    return readInteger(this.bytes, PAGE.number);
  }

  /** The one that wrote the page. */
  get transaction(): number {
    return readInteger(this.bytes, PAGE.transaction);
  }

  get isBranch(): boolean {
    return (this.flags & BRANCH) !== 0;
  }

  get isLeaf(): boolean {
    return (this.flags & LEAF) !== 0;
  }

  /** Whether a value begins behind this header. */
  get isValue(): boolean {
    return (this.flags & OVERFLOW) !== 0;
  }

  /** Of a branch: the page under which a key would be. */
  child(key: Buffer): number | undefined {
    // The first entry stands for everything below the second; its key is empty.
    const after = this.firstAbove(key);
    const entry = after === undefined ? undefined : this.entry(Math.max(0, after - 1));
    if (entry === undefined) return undefined;
    return this.bytes.readUInt32LE(entry + ENTRY.low) + this.bytes.readUInt16LE(entry + ENTRY.flags) * 2 ** 32;
  }

  /** Of a leaf. */
  value(key: Buffer): StoredValue | undefined {
    const data = this.dataOf(key);
    if (data === undefined) return undefined;
    const { flags, size, position } = data;
    if (flags === 0) {
      if (position + size > this.bytes.length) return undefined;
      return { bytes: this.bytes.subarray(position, position + size), size };
    }
    if (flags !== BIG_DATA || position + 16 > this.bytes.length) return undefined;
    return { page: readInteger(this.bytes, position), transaction: readInteger(this.bytes, position + 8), size };
  }

  /** Of a leaf whose values are tables: where that of a name begins. */
  tableRoot(name: Buffer): number | undefined {
    const data = this.dataOf(name);
    if (data?.flags !== SUB_TABLE || data.position + TABLE_ROOT + 8 > this.bytes.length) return undefined;
    return readInteger(this.bytes, data.position + TABLE_ROOT);
  }

  private dataOf(key: Buffer): { flags: number; size: number; position: number } | undefined {
    const after = this.firstAbove(key);
    const entry = after ? this.entry(after - 1) : undefined;
    if (entry === undefined || this.compare(entry, key) !== 0) return undefined;
    return {
      flags: this.bytes.readUInt16LE(entry + ENTRY.flags),
      size: this.bytes.readUInt32LE(entry + ENTRY.low),
      position: entry + ENTRY.key + key.length,
    };
  }

  /** Index of the first entry whose key is larger. */
  private firstAbove(key: Buffer): number | undefined {
    let low = this.isBranch ? 1 : 0;
    let high = this.entryCount;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.entry(middle);
      if (entry === undefined) return undefined;
      if (this.compare(entry, key) > 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Of an entry's key with another; keys are ordered by their bytes. */
  private compare(entry: number, key: Buffer): number {
    const start = entry + ENTRY.key;
    const end = Math.min(this.bytes.length, start + this.bytes.readUInt16LE(entry + ENTRY.keySize));
    return this.bytes.compare(key, 0, key.length, start, end);
  }

  private entry(index: number): number | undefined {
    const pointer = PAGE_HEADER_BYTES + 2 * index;
    if (index >= this.entryCount || pointer + 2 > this.bytes.length) return undefined;
    const entry = PAGE_HEADER_BYTES + this.bytes.readUInt16LE(pointer);
    return entry + ENTRY.key <= this.bytes.length ? entry : undefined;
  }

  private get entryCount(): number {
    return this.bytes.readUInt16LE(PAGE.entryBytes) >> 1;
  }

  private get flags(): number {
    return this.bytes.readUInt16LE(PAGE.flags);
  }
}

export interface LmdbMeta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: number;
  /** Of the table of tables. */
  readonly root: number;
}

/** The newer of the file's two descriptions of itself; `undefined` for a file that is no LMDB file. */
export function readMeta(file: number): LmdbMeta | undefined {
  const first = readMetaAt(file, 0);
  const second = first && readMetaAt(file, first.pageSize);
  if (first === undefined || second === undefined) return undefined;
  return second.transaction > first.transaction ? second : first;
}

function readMetaAt(file: number, position: number): LmdbMeta | undefined {
  const bytes = Buffer.alloc(META.end);
  const bytesRead = readSync(file, bytes, 0, META.end, position);
  if (bytesRead < META.end || bytes.readUInt32LE(META.magic) !== MAGIC) return undefined;
  const pageSize = bytes.readUInt32LE(META.pageSize);
  if (!PAGE_SIZES.includes(pageSize)) return undefined;
  return {
    pageSize,
    lastPage: readInteger(bytes, META.lastPage),
    transaction: readInteger(bytes, META.transaction),
    root: readInteger(bytes, META.mainRoot),
  };
}

/** 64 bits; beyond 2⁵³ only in damaged files, where the rounded number is as wrong as the exact one. */
function readInteger(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32;
}
