import { describe, expect, it } from "vitest";
import { closestName } from "./closest-name.js";

describe("closestName", () => {
  const known = ["beamWidth", "maxLength", "minLength", "nBest", "topK"];

  it.each([
    ["beamWidht", "beamWidth"],
    ["beam-width", "beamWidth"],
    ["MAX_LENGTH", "maxLength"],
    ["nbest", "nBest"],
    ["topk", "topK"],
    ["minLenght", "minLength"],
  ])("takes %s for %s", (name, meant) => {
    expect(closestName(name, known)).toBe(meant);
  });

  it("guesses nothing for a name unlike all others", () => {
    expect(closestName("flavour", known)).toBeUndefined();
    expect(closestName("", known)).toBeUndefined();
  });
});
