import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { elementLines, syntaxErrorLine } from "./json-position.js";

describe("elementLines", () => {
  it("tells the line of each element of the top-level arrays", () => {
    const text =
      '{"info": {"images": [1,\n2]},\n "images": [\n{"id": 1}, {"id": [2,\n3]},\n\n5],\n"empty": [\n], "a\\"]": ["\\\\", "[{"\n]}';
    expect(Object.fromEntries(elementLines(Buffer.from(text)))).toEqual({
      images: [4, 4, 7],
      empty: [],
      'a\\"]': [9, 9],
    });
  });
});

describe("syntaxErrorLine", () => {
  it.each([
    ["", 1],
    ['{"a": 1', 1],
    ['{\n"a": 1,\n}', 3],
    ["[1,\n2,\n]", 3],
    ["[1\n2]", 2],
    ['{"a"\n1}', 2],
    ['{"a": "x\ny"}', 1],
    ['{\n\n"a": tru}', 3],
    ["[1]\n]", 2],
    ['["\\x"]', 1],
    ["{1: 2}", 1],
    ["[01]", 1],
  ])("finds the fault of %j", (text, line) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(syntaxErrorLine(text)).toBe(line);
  });

  it("agrees with the position V8 gives, wherever it gives one", () => {
    const document = JSON.stringify(
      { images: [{ id: 1, file_name: 'a\\b"c.jpg' }, { x: [true, null, -1.5e3] }], e: {} },
      null,
      1,
    );
    const random = new Random(3);
    let compared = 0;
    for (let round = 0; round < 2000; round++) {
      const at = random.integer(document.length);
      const inserted = '{}[]:,"x1\n\\'[random.integer(11)]!;
      const text = document.slice(0, at) + inserted + document.slice(at + random.integer(3));
      try {
        JSON.parse(text);
      } catch (error) {
        const position = /at position (\d+)/.exec(String(error))?.[1];
        // V8 points inside a bad string or literal, this function at its start; both are on one line unless the fault is the line end itself.
        if (position === undefined || /control character|Unterminated|escaped/.test(String(error))) continue;
        const before = text.slice(0, Number(position));
        expect(syntaxErrorLine(text), JSON.stringify(text)).toBe(before.split("\n").length);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(500);
  });

  it("survives deep nesting and endless strings", () => {
    expect(syntaxErrorLine("[".repeat(1_000_000))).toBe(1);
    expect(syntaxErrorLine(`"${"x".repeat(5_000_000)}`)).toBe(1);
  });
});
