import { describe, expect, it } from "vitest";
import { isUserError, runCli } from "./run-cli.js";

describe("what showtell score refuses", () => {
  it.each([
    [
      "a table that no metric reads",
      ["--metrics", "BLEU,ROUGE-L", "--meteor-paraphrases", "table.gz"],
      /METEOR among --metrics for --meteor-paraphrases but received "BLEU,ROUGE-L"/,
    ],
    ["endless samples", ["--samples", "100000000000"], /a whole number from 0 to 1000000 for --samples/],
  ])("%s, before it reads a file", async (_, flags, message) => {
    const result = await runCli(["score", "--references", "none.json", "--hypotheses", "none.json", ...flags]);
    expect(result, result.stderr).toSatisfy(isUserError);
    expect(result.stderr).toMatch(message);
  });
});
