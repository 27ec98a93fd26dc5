import { closeSync, openSync, readv } from "node:fs";
import { LmdbPage, PAGE_HEADER_BYTES } from "./lmdb-page.js";
import { LmdbTable, type StoredValue } from "./lmdb-table.js";

/** Reads of one call in flight: as many as libuv has threads by default, and one for each to go on with. */
const READS_AT_ONCE = 8;

/** Reads values of one table of an LMDB file by their positions, several at a time, without the memory map. */
export class RowReader {
  private readonly file: number;
  private table: LmdbTable | undefined;
  private readonly reading = new Set<Promise<unknown>>();

  constructor(
    path: string,
    private readonly tableName: string,
  ) {
    this.file = openSync(path, "r");
    this.table = LmdbTable.open(this.file, tableName);
  }

  /** Takes in what was committed since. */
  refresh(): void {
    this.table = LmdbTable.open(this.file, this.tableName);
  }

  has(key: Buffer): boolean {
    return this.table?.find(key) !== undefined;
  }

  /**
   * Reads each key's value to its place: that of `keys[i]` to `target[i * size]` and on.
   * @param size of each value, in bytes
   * @returns the indices of values that are not there, or have another size, as the table was opened: ask LMDB itself. Their places hold anything.
   */
  async read(keys: readonly Buffer[], size: number, target: Uint8Array): Promise<number[]> {
    const missed: number[] = [];
    let next = 0;
    const readOn = async () => {
      const header = Buffer.alloc(PAGE_HEADER_BYTES);
      while (next < keys.length) {
        const index = next++;
        const place = target.subarray(index * size, (index + 1) * size);
        if (!(await this.readOne(keys[index]!, header, place))) missed.push(index);
      }
    };
    const all = Promise.allSettled(Array.from({ length: Math.min(READS_AT_ONCE, keys.length) }, readOn));
    this.reading.add(all);
    const ended = await all;
    this.reading.delete(all);
    for (const one of ended) if (one.status === "rejected") throw one.reason;
    return missed;
  }

  /** Waits for reads that were begun. */
  async close(): Promise<void> {
    await Promise.all(this.reading);
    closeSync(this.file);
  }

  /** @returns whether `place` has it */
  private async readOne(key: Buffer, header: Buffer, place: Uint8Array): Promise<boolean> {
    const { table } = this;
    const value = table?.find(key);
    if (table === undefined || value?.size !== place.length) return false;
    if ("bytes" in value) {
      place.set(value.bytes);
      return true;
    }
    // One call for the page's header and the value behind it: the value is never copied.
    const bytesRead = await this.readAt([header, place], value.page * table.pageSize);
    return bytesRead === header.length + place.length && isStill(value, new LmdbPage(header));
  }

  private readAt(parts: Uint8Array[], position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      readv(this.file, parts, position, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead)));
    });
  }
}

/** Whether a page still is the beginning of the value that the tree told of. */
function isStill({ page, transaction }: Extract<StoredValue, { page: number }>, found: LmdbPage): boolean {
  return found.isValue && found.number === page && found.transaction === transaction;
}
