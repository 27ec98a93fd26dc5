import { readSync } from "node:fs";
import { type LmdbMeta, LmdbPage, readMeta } from "./lmdb-page.js";

/** Where a value of a table lies. Small ones stand in the tree itself; larger ones have pages of their own, one after the other. */
export type StoredValue =
  | { readonly bytes: Buffer; readonly size: number }
  | { readonly page: number; readonly transaction: number; readonly size: number };

/** Deeper than any tree of a file that fits a disk: a damaged file may have circles. */
const MAX_DEPTH = 32;

/**
 * Looks keys up in one table of an LMDB file by reading the tree's pages, so that values can be read from the file by position: many at a time, each in one
 * piece. LMDB's memory map cannot do that: touching a page waits for the disk, for one page or, where the system reads ahead, for the megabytes around it.
 *
 * A table is what was committed when it was opened. A writer may free its pages later and use them again; every page carries the transaction that wrote it,
 * which tells. Whatever is not found, or not as it should be, is `undefined`: LMDB itself has the last word.
 */
export class LmdbTable {
  /** Tree pages stay in memory: less than a thousandth of a store of grid features. */
  private readonly pages = new Map<number, LmdbPage>();

  private constructor(
    private readonly file: number,
    private readonly meta: LmdbMeta,
    private readonly root: number,
  ) {}

  /** @param file descriptor, open for reading; stays the caller's */
  static open(file: number, name: string): LmdbTable | undefined {
    const meta = readMeta(file);
    if (meta === undefined) return undefined;
    const key = Buffer.from(`${name}\0`);
    const root = new LmdbTable(file, meta, meta.root).leafOf(key)?.tableRoot(key);
    return root === undefined ? undefined : new LmdbTable(file, meta, root);
  }

  get pageSize(): number {
    return this.meta.pageSize;
  }

  find(key: Buffer): StoredValue | undefined {
    const value = this.leafOf(key)?.value(key);
    return value && "page" in value && value.page > this.meta.lastPage ? undefined : value;
  }

  private leafOf(key: Buffer): LmdbPage | undefined {
    let page = this.page(this.root);
    for (let depth = 0; depth < MAX_DEPTH && page?.isBranch; depth++) {
      const child = page.child(key);
      page = child === undefined ? undefined : this.page(child);
    }
    return page?.isLeaf ? page : undefined;
  }

  private page(number: number): LmdbPage | undefined {
    const known = this.pages.get(number);
    if (known !== undefined) return known;
    const { pageSize, lastPage, transaction } = this.meta;
    if (number > lastPage) return undefined;
    const bytes = Buffer.allocUnsafeSlow(pageSize);
    const bytesRead = readSync(this.file, bytes, 0, pageSize, number * pageSize);
    const page = new LmdbPage(bytes);
    if (bytesRead < pageSize || page.number !== number || page.transaction > transaction) return undefined;
    this.pages.set(number, page);
    return page;
  }
}
