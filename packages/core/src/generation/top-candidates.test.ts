import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { TopCandidates } from "./top-candidates.js";

describe("TopCandidates", () => {
  it("keeps what sorting everything would put first, ties included", () => {
    const random = new Random(3);
    for (let round = 0; round < 50; round++) {
      const capacity = 1 + random.integer(12);
      const top = new TopCandidates(capacity);
      const all = Array.from({ length: random.integer(200) }, (_, index) => ({
        rank: random.integer(10),
        tokenId: index >> 2,
        beam: index & 3,
      }));
      for (const { rank, tokenId, beam } of random.shuffle([...all])) top.offer(rank, tokenId, beam);
      const sorted = all.toSorted((a, b) => b.rank - a.rank || a.tokenId - b.tokenId || a.beam - b.beam);
      expect(top.sorted()).toEqual(sorted.slice(0, capacity));
      expect(top.cutoff).toBe(all.length < capacity ? Number.NEGATIVE_INFINITY : sorted[capacity - 1]!.rank);
    }
  });
});
