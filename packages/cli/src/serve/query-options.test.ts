import { describe, expect, it } from "vitest";
import { queryOptions } from "./query-options.js";

describe("queryOptions", () => {
  it("takes words to ban as often as they come", () => {
    expect(queryOptions(new URLSearchParams("ban=dog&ban=cat")).bannedWords).toEqual(["dog", "cat"]);
  });

  it("refuses two values of what has one", () => {
    for (const query of ["beam-width=3&beam-width=4", "views=plain&views=all", "seed=1&seed=1"])
      expect(() => queryOptions(new URLSearchParams(query))).toThrow(/^Expected one value for [a-z-]+ but received \[/);
  });
});
