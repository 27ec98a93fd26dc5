import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OptionError, type StudySettings } from "@showtell/core";
import type Database from "libsql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SqliteStudyStorage } from "./sqlite-study-storage.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "showtell-study-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("SqliteStudyStorage", () => {
  it("explains a disk that is full, and keeps what was there before", () => {
    const storage = SqliteStudyStorage.open(join(folder, "study.sqlite"));
    try {
      const { database } = storage as unknown as { database: Database.Database };
      // SQLite's own stand-in for a full disk.
      database.pragma("max_page_count = 8");
      storage.create({ seed: 1 } as unknown as StudySettings);
      const trial = {
        number: 0,
        sees: 0,
        seed: 1,
        parameters: {},
        state: "failed" as const,
        epochs: [],
        startedAt: "",
      };
      const error = caught(() => storage.write({ ...trial, error: "x".repeat(100_000) }));
      expect(error).toBeInstanceOf(OptionError);
      expect(error).toMatchObject({ hint: expect.stringMatching(/disk is full/) });
      expect(storage.read()).toEqual({ settings: { seed: 1 }, trials: [] });
    } finally {
      storage.close();
    }
  });
});

function caught(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
