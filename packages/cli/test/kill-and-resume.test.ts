import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Random } from "@showtell/core";
import { nativeBackendStatus } from "@showtell/native-lstm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND, TINY_DATASET } from "./run-cli.js";

const KILLS = 2;
/** Much of what a recipe can say, so that a state that was forgotten shows: averages, a schedule, dropout, both views, checkpoints within epochs. */
const SETTINGS = [
  "epochs=12",
  "checkpointEvery=3",
  "features.views=[plain, mirrored]",
  "decoder.layerCount=2",
  "decoder.normalization=batch",
  "decoder.attention={heads: 2, size: 16}",
  "decoder.dropout={recurrent: 0.2, output: 0.2}",
  "optimizer.averageDecay=0.9",
];

const { path, attempts } = await nativeBackendStatus();
const reason = path === undefined ? attempts.map((attempt) => `${attempt.path} ${attempt.reason}`).join("; ") : "";
const isRequired = process.env["SHOWTELL_REQUIRE_NATIVE"] === "1";

describe.skipIf(path === undefined && !isRequired)(`a native training that is killed ${reason}`.trim(), () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "showtell-native-kill-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Trains with the real command on two threads; kills it a moment after its n-th epoch, and says whether that hit it. */
  async function train(
    run: string,
    options: { resume?: boolean; killAfterEpoch?: number; milliseconds?: number } = {},
  ) {
    const args = ["train", "--data", TINY_DATASET, "--recipe", "tiny", "--backend", "native-cpu", "--run", run];
    const more = ["--store", join(folder, "store"), "--set", ...SETTINGS, ...(options.resume ? ["--resume"] : [])];
    const child = spawn(process.execPath, [COMMAND, ...args, ...more], {
      env: { ...process.env, NO_COLOR: "1", SHOWTELL_THREADS: "2" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    let epochs = 0;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      const before = epochs;
      epochs = stderr.match(/^epoch \d+: /gm)?.length ?? 0;
      const { killAfterEpoch = Number.POSITIVE_INFINITY, milliseconds = 0 } = options;
      if (before < killAfterEpoch && epochs >= killAfterEpoch) {
        void setTimeout(milliseconds).then(() => child.kill("SIGKILL"));
      }
    });
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.on("close", (...end) => resolve(end));
    });
    if (signal !== "SIGKILL" && code !== 0) throw new Error(`The training failed: ${stderr}`);
    return { killed: signal === "SIGKILL", stderr };
  }

  const filesOf = async (run: string) => {
    const names = ["last/decoder", "last/optimizer", "best/decoder"].map((name) => `checkpoints/${name}.safetensors`);
    const files = await Promise.all(names.map((name) => readFile(join(run, name), "hex")));
    const metrics = await readFile(join(run, "metrics.jsonl"), "utf8");
    return [...files, metrics.replace(/"wallClock":.*/g, "")];
  };

  it("ends, when resumed, with the weights and metrics of one that was left alone, bit for bit", async () => {
    const [whole, interrupted] = [join(folder, "whole"), join(folder, "interrupted")];
    const { stderr } = await train(whole);
    expect(stderr).toContain("Training on native-cpu");

    const random = new Random(Date.now());
    let kills = 0;
    for (let attempt = 0; attempt < KILLS; attempt++) {
      const moment = { killAfterEpoch: 1 + random.integer(3), milliseconds: random.uniform() * 40 };
      const { killed } = await train(interrupted, { resume: attempt > 0, ...moment });
      if (killed) kills += 1;
    }
    expect(kills, `seed ${random.seed}`).toBeGreaterThan(0);
    await train(interrupted, { resume: true });

    expect(await filesOf(interrupted), `seed ${random.seed}`).toEqual(await filesOf(whole));
    expect((await readdir(interrupted)).sort()).toEqual((await readdir(whole)).sort());
  });
});
