import { open } from "node:fs/promises";
import { expected, FeatureStoreError } from "../errors.js";

/** Layout of LMDB's two meta pages (mdb.c, MDB_meta behind a page header of 24 bytes), little-endian. */
const MAGIC = 0xbeefc0de;
const OFFSET = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152, end: 160 } as const;
const PAGE_SIZES = [4096, 8192, 16_384, 32_768, 65_536];
/** Pages freed by the commit that made them are never written: a sound file may end a little before its last page. */
const UNWRITTEN_BYTES = 1 << 20;

/**
 * Looks at an LMDB file before it is mapped: LMDB itself takes the process down when it meets a foreign or truncated one.
 * @throws FeatureStoreError
 */
export async function checkStoreFile(path: string, directory: string): Promise<void> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const first = await readMeta(file, 0);
    const second = first && (await readMeta(file, first.pageSize));
    if (first === undefined || second === undefined) throw damaged(directory, "a file of another kind");
    const { lastPage, pageSize } = second.transaction > first.transaction ? second : first;
    const complete = (lastPage + 1) * pageSize;
    if (size + UNWRITTEN_BYTES < complete) throw damaged(directory, `${size} of ${complete} bytes`);
  } finally {
    await file.close();
  }
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: number;
}

async function readMeta(file: Awaited<ReturnType<typeof open>>, position: number): Promise<Meta | undefined> {
  const bytes = Buffer.alloc(OFFSET.end);
  const { bytesRead } = await file.read(bytes, 0, OFFSET.end, position);
  if (bytesRead < OFFSET.end || bytes.readUInt32LE(OFFSET.magic) !== MAGIC) return undefined;
  const pageSize = bytes.readUInt32LE(OFFSET.pageSize);
  if (!PAGE_SIZES.includes(pageSize)) return undefined;
  return {
    pageSize,
    lastPage: Number(bytes.readBigUInt64LE(OFFSET.lastPage)),
    transaction: Number(bytes.readBigUInt64LE(OFFSET.transaction)),
  };
}

function damaged(directory: string, actual: string): FeatureStoreError {
  return new FeatureStoreError(expected("a complete feature store", directory, actual), {
    hint: "Delete the folder and run `showtell encode` again.",
  });
}
