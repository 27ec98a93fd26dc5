import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addGenerationOptions, type GenerationFlags, generationOptions } from "./generation-flags.js";

const parse = (...args: string[]) => {
  const command = addGenerationOptions(new Command().exitOverride());
  return generationOptions(command.parse(args, { from: "user" }).opts<GenerationFlags>());
};

describe("generation flags", () => {
  it("takes a negative length penalty, as the library does", () => {
    expect(parse("--length-penalty", "-1").lengthPenalty).toBe(-1);
    expect(parse("--length-penalty=-0.5").lengthPenalty).toBe(-0.5);
  });

  it.each([
    [["--top-p", "0"], "Expected a number above 0, at most 1 for --top-p"],
    [["--top-p", "1.5"], "Expected a number above 0, at most 1 for --top-p"],
    [["--temperature", "0"], "Expected a number above 0 for --temperature"],
    [["--length-penalty", "much"], "Expected a number for --length-penalty"],
    [["--seed", "-1"], "Expected a whole number of at least 0 for --seed"],
    [["--seed", "9007199254740993"], "Expected a whole number from 0 to 9007199254740991 for --seed"],
  ])("says of %j what would be taken", (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});
