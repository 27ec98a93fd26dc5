import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoPhotos, pretrainedCaptioners } from "@showtell/pretrained";
import { describe, expect, it } from "vitest";
import { isUserError, runCli, TINY_DATASET } from "./run-cli.js";

const COMMANDS = "caption serve demo train tune leaderboard evaluate report score encode encoder model doctor".split(
  " ",
);

describe("showtell", () => {
  it("lists every command, and describes each with an example or its subcommands", async () => {
    const { code, stdout } = await runCli(["--help"]);
    expect(code).toBe(0);
    for (const command of COMMANDS) {
      expect(stdout).toContain(command);
      const help = await runCli([command, "--help"]);
      expect(help.code).toBe(0);
      expect(help.stdout).toMatch(/Example|Commands:/);
    }
  });

  it("gives the same help for `help <command>`", async () => {
    const [asked, flagged] = await Promise.all([runCli(["help", "caption"]), runCli(["caption", "--help"])]);
    expect(asked).toEqual(flagged);
    expect(asked.stdout).toContain("--beam-width");
  });

  it("says where help is when words are missing, and which option took them", async () => {
    const missing = await runCli(["caption"]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toBe("missing required argument 'input'\nHint: --help lists what the command takes.\n");
    const taken = await runCli(["caption", "--model", "folder", "photo.jpg"]);
    expect(taken.stderr).toContain("--model takes every word behind it");
  });

  it("prints its version", async () => {
    expect((await runCli(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("suggests the command or option that was meant", async () => {
    const command = await runCli(["captoin"]);
    expect(command.code).toBe(2);
    expect(command.stderr).toContain("caption");
    const option = await runCli(["caption", "photo.jpg", "--beam-wdth", "3"]);
    expect(option.code).toBe(2);
    expect(option.stderr).toContain("--beam-width");
  });

  it("examines the machine", async () => {
    const { code, stdout } = await runCli(["doctor", "--json"]);
    expect(code).toBe(0);
    const findings: { name: string; detail: string }[] = JSON.parse(stdout);
    const names = findings.map(({ name }) => name);
    expect(findings.find(({ name }) => name === "encoder device")?.detail).toMatch(/^(cuda|cpu; no CUDA: .+)$/);
    expect(names).toContain("backend tfjs");
    expect(names).toContain("backend native-cpu");
  });

  it("examines a dataset, and says when there is none", async () => {
    const { code, stdout } = await runCli(["doctor", "--data", TINY_DATASET]);
    expect(stdout).toContain("train 10 images");
    expect(code).toBe(0);
    const missing = await runCli(["doctor", "--data", "no-such-folder"]);
    expect(missing, missing.stderr).toSatisfy(isUserError);
  });

  it("lists the encoder that ships", async () => {
    const { stdout } = await runCli(["encoder", "list"]);
    expect(stdout).toContain("efficientnet-lite2");
  });

  it.each(Object.keys(pretrainedCaptioners))("captions with %s, by its name", async (name) => {
    const tower = demoPhotos.find((photo) => photo.name === "tower.jpg")!.path;
    const { code, stdout } = await runCli(["caption", tower, "--model", name, "--quiet"]);
    expect(code).toBe(0);
    expect(stdout.trim().split(" ").length).toBeGreaterThan(3);
  });

  it("captions the demo's photos with the captioner that ships, and writes a page", async () => {
    const folder = await mkdtemp(join(tmpdir(), "showtell-demo-"));
    try {
      const { code, stdout } = await runCli(["demo", "--output", join(folder, "page.html"), "--quiet"]);
      expect(code).toBe(0);
      const captions = new Map(
        stdout
          .trim()
          .split("\n")
          .map((line) => line.split("\t") as [string, string]),
      );
      expect(captions.size).toBe(7);
      for (const caption of captions.values()) expect(caption.split(" ").length).toBeGreaterThan(3);
      expect(new Set(captions.values()).size).toBe(7);
      expect(captions.get("tower.jpg")).toContain("building");
      expect((await readFile(join(folder, "page.html"), "utf8")).match(/data:image\/jpeg/g)?.length).toBe(7);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
