import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { CheckpointError, expected } from "../errors.js";

interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When that process started, where the system tells: process ids are used again. */
  readonly processStart: string | null;
  readonly token: string;
}

const POLL_MILLISECONDS = 100;

const tokensHeldHere = new Set<string>();

/** Keeps two trainings out of one run folder, and two searches out of one study. A lock whose process is gone is taken over. */
export class RunLock {
  private constructor(
    private readonly path: string,
    private readonly token: string,
  ) {}

  /**
   * @param what it guards, for the message
   * @param patienceSeconds how long to wait for another process to let go of it
   * @throws CheckpointError while another process holds it
   */
  static async acquire(path: string, { what = "run folder", patienceSeconds = 0 } = {}): Promise<RunLock> {
    const deadline = performance.now() + patienceSeconds * 1000;
    const mine: LockHolder = {
      pid: process.pid,
      host: hostname(),
      processStart: await processStart(process.pid),
      token: randomUUID(),
    };
    for (;;) {
      if (await createExclusively(path, JSON.stringify(mine))) {
        tokensHeldHere.add(mine.token);
        return new RunLock(path, mine.token);
      }
      const text = await readFile(path, "utf8").catch(() => undefined);
      if (text === undefined) continue;
      const holder = parseHolder(text);
      if (!holder || !(await isAlive(holder))) await removeIfUnchanged(path, text);
      else if (performance.now() < deadline) await setTimeout(POLL_MILLISECONDS);
      else throw inUse(path, holder, what);
    }
  }

  async release(): Promise<void> {
    tokensHeldHere.delete(this.token);
    const holder = parseHolder(await readFile(this.path, "utf8").catch(() => ""));
    if (holder?.token === this.token) await rm(this.path, { force: true });
  }
}

async function createExclusively(path: string, text: string): Promise<boolean> {
  // Written aside and linked into place: nobody ever sees a lock file without its holder.
  const aside = `${path}.${randomUUID()}`;
  try {
    await writeFile(aside, text, { flag: "wx" });
    await link(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

/** Two processes may find the same dead lock: the slower one must not remove the faster one's new lock. */
async function removeIfUnchanged(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, "utf8")) !== text) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const value = JSON.parse(text) as Partial<LockHolder>;
    return Number.isSafeInteger(value.pid) && typeof value.host === "string" ? (value as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: LockHolder): Promise<boolean> {
  // Another machine's processes cannot be looked at from here.
  if (holder.host !== hostname()) return true;
  if (holder.pid === process.pid) return tokensHeldHere.has(holder.token);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return holder.processStart === (await processStart(holder.pid));
}

/** Linux: clock ticks from boot to the process' start, field 22 of /proc/<pid>/stat; null elsewhere, and for a process that only waits to be reaped. */
async function processStart(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The command in parentheses may hold anything, so fields are counted from behind it.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields?.[0] === "Z" ? null : (fields?.[19] ?? null);
}

function inUse(path: string, holder: LockHolder, what: string): CheckpointError {
  return new CheckpointError(
    expected(`a ${what} that no other process uses`, path, `process ${holder.pid} on ${holder.host}`),
    {
      hint:
        holder.host === hostname()
          ? `Wait for it, stop it, or name another ${what}.`
          : `If nothing is running on ${holder.host}, remove ${path}.`,
    },
  );
}
