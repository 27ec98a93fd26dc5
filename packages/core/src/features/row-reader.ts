import { closeSync, openSync, read } from "node:fs";
import { LmdbPage, PAGE_HEADER_BYTES } from "./lmdb-page.js";
import { LmdbTable } from "./lmdb-table.js";

/** Reads in flight: as many as libuv has threads by default, and one for each to go on with. */
const READS_AT_ONCE = 8;

/** Reads values of one table of an LMDB file by their positions, several at a time, without the memory map. */
export class RowReader {
  private readonly file: number;
  private table: LmdbTable | undefined;
  /** Buffers that no read is using, and reads that wait for one: a new one for each row would be cleared and faulted in page by page. */
  private readonly free: Buffer[] = Array.from({ length: READS_AT_ONCE }, () => Buffer.alloc(0));
  private readonly waiting: ((buffer: Buffer) => void)[] = [];
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
   * Calls `use` with each key's value, in any order; the bytes are its until it returns, and begin at a multiple of 4.
   * @param size of each value, in bytes
   * @param use gets `undefined` for a value that is not there, or has another size, as the table was opened: ask LMDB itself
   */
  async read(
    keys: readonly Buffer[],
    size: number,
    use: (index: number, bytes: Uint8Array | undefined) => void,
  ): Promise<void> {
    const all = Promise.allSettled(keys.map((key, index) => this.readOne(key, size, (bytes) => use(index, bytes))));
    this.reading.add(all);
    const ended = await all;
    this.reading.delete(all);
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  }

  /** Waits for reads that were begun. */
  async close(): Promise<void> {
    await Promise.all(this.reading);
    closeSync(this.file);
  }

  private async readOne(key: Buffer, size: number, use: (bytes: Uint8Array | undefined) => void): Promise<void> {
    const { table } = this;
    const value = table?.find(key);
    if (table === undefined || value === undefined || value.size !== size) return use(undefined);
    // Entries of a page lie at any even address.
    if ("bytes" in value) return use(Uint8Array.from(value.bytes));
    const length = PAGE_HEADER_BYTES + size;
    let buffer = this.free.pop() ?? (await new Promise<Buffer>((resolve) => this.waiting.push(resolve)));
    if (buffer.length < length) buffer = Buffer.allocUnsafeSlow(length);
    try {
      const bytesRead = await this.readAt(buffer, length, value.page * table.pageSize);
      const page = new LmdbPage(buffer);
      const sound =
        bytesRead === length && page.isValue && page.number === value.page && page.transaction === value.transaction;
      use(sound ? buffer.subarray(PAGE_HEADER_BYTES, length) : undefined);
    } finally {
      const next = this.waiting.shift();
      if (next) next(buffer);
      else this.free.push(buffer);
    }
  }

  private readAt(buffer: Buffer, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.file, buffer, 0, length, position, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead)));
    });
  }
}
