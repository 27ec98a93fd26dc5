import { existsSync } from "node:fs";
import {
  expected,
  type Parameters,
  StudyError,
  type StudySettings,
  type StudyStorage,
  type Trial,
  type TrialEpoch,
  type TrialState,
} from "@showtell/core";
import Database from "libsql";
import { explainDiskError } from "../disk-errors.js";

/** In the file's header, so that `file` and Showtell know it for a study: "Shot". */
const APPLICATION_ID = 0x53686f74;
const FORMAT_VERSION = 1;
/** For a reader and the writer to wait for each other. */
const BUSY_MILLISECONDS = 10_000;

const TABLES = `
  CREATE TABLE study (settings TEXT NOT NULL, startedAt TEXT NOT NULL) STRICT;
  CREATE TABLE trials (
    number INTEGER PRIMARY KEY, sees INTEGER NOT NULL, seed INTEGER NOT NULL, parameters TEXT NOT NULL,
    state TEXT NOT NULL, error TEXT, startedAt TEXT NOT NULL, endedAt TEXT
  ) STRICT;
  CREATE TABLE epochs (
    trial INTEGER NOT NULL REFERENCES trials, epoch INTEGER NOT NULL, value REAL NOT NULL, metrics TEXT NOT NULL,
    PRIMARY KEY (trial, epoch)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT_VERSION};`;

interface TrialRow {
  readonly number: number;
  readonly sees: number;
  readonly seed: number;
  readonly parameters: string;
  readonly state: TrialState;
  readonly error: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

interface EpochRow {
  readonly trial: number;
  readonly epoch: number;
  readonly value: number;
  readonly metrics: string;
}

/** A study in one SQLite file (docs/tuning.md has the tables). Every write is a transaction that is on disk when it returns. */
export class SqliteStudyStorage implements StudyStorage {
  private constructor(
    private readonly database: Database.Database,
    private readonly path: string,
  ) {}

  /** @throws StudyError where the file is no study, or with `mustExist` is not there */
  static open(path: string, { mustExist = false } = {}): SqliteStudyStorage {
    if (mustExist && !existsSync(path)) throw new StudyError(expected("an existing study", "the study", path));
    let database: Database.Database | undefined;
    try {
      database = new Database(path, { timeout: BUSY_MILLISECONDS });
      checkHeader(database, path);
      database.pragma("synchronous = FULL");
      return new SqliteStudyStorage(database, path);
    } catch (cause) {
      database?.close();
      if (cause instanceof StudyError) throw cause;
      throw new StudyError(expected("a study or a new file", "the study", path), {
        cause,
        hint: `SQLite says: ${(cause as Error).message}.`,
      });
    }
  }

  read(): { settings: StudySettings; trials: Trial[] } | undefined {
    if (headerValue(this.database, "application_id") !== APPLICATION_ID) return undefined;
    const { settings } = this.database.prepare("SELECT settings FROM study").get() as { settings: string };
    const epochs = new Map<number, TrialEpoch[]>();
    for (const row of this.database.prepare("SELECT * FROM epochs ORDER BY trial, epoch").all() as EpochRow[]) {
      const { trial, epoch, value, metrics } = row;
      epochs.set(trial, [...(epochs.get(trial) ?? []), { epoch, value, metrics: JSON.parse(metrics) }]);
    }
    const rows = this.database.prepare("SELECT * FROM trials ORDER BY number").all() as TrialRow[];
    const trials = rows.map(({ number, sees, seed, parameters, state, error, startedAt, endedAt }) => ({
      ...{ number, sees, seed, state, startedAt },
      parameters: JSON.parse(parameters) as Parameters,
      epochs: epochs.get(number) ?? [],
      ...(error !== null && { error }),
      ...(endedAt !== null && { endedAt }),
    }));
    return { settings: JSON.parse(settings), trials };
  }

  create(settings: StudySettings): void {
    this.inTransaction(() => {
      this.database.exec(TABLES);
      this.database.prepare("INSERT INTO study VALUES (?, ?)").run(JSON.stringify(settings), new Date().toISOString());
    });
  }

  write(trial: Trial): void {
    const { number, sees, seed, parameters, state, error, startedAt, endedAt } = trial;
    this.inTransaction(() => {
      this.database
        .prepare(
          `INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET state = excluded.state, error = excluded.error, endedAt = excluded.endedAt`,
        )
        .run(number, sees, seed, JSON.stringify(parameters), state, error ?? null, startedAt, endedAt ?? null);
      const last = trial.epochs.at(-1);
      if (!last) return;
      this.database
        .prepare("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?)")
        .run(number, last.epoch, last.value, JSON.stringify(last.metrics));
    });
  }

  close(): void {
    this.database.close();
  }

  private inTransaction(work: () => void): void {
    try {
      this.database.exec("BEGIN IMMEDIATE");
      work();
      this.database.exec("COMMIT");
    } catch (cause) {
      // A full disk has ended the transaction already.
      if (this.database.inTransaction) this.database.exec("ROLLBACK");
      throw explainDiskError(cause, this.path);
    }
  }
}

function checkHeader(database: Database.Database, path: string): void {
  const id = headerValue(database, "application_id");
  const { count } = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get() as { count: number };
  const version = headerValue(database, "user_version");
  if (id === APPLICATION_ID ? version === FORMAT_VERSION : id === 0 && count === 0) return;
  const actual =
    id === APPLICATION_ID ? `${path}, a study of format ${version}` : `${path}, another program's database`;
  throw new StudyError(expected(`a study of format ${FORMAT_VERSION} or a new file`, "the study", actual));
}

function headerValue(database: Database.Database, name: "application_id" | "user_version"): number {
  return (database.pragma(name) as Record<string, number>[])[0]![name]!;
}
