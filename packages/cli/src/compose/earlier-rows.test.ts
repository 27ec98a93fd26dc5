import { describe, expect, it } from "vitest";
import { captionWriter } from "../render/caption-writers.js";
import { earlierRows } from "./earlier-rows.js";

const caption = { text: "a cat, asleep", confidence: 0.5, score: -2, normalizedScore: -1 };
const rows = [
  { image: "a.jpg", captions: [caption, caption] },
  { image: "line\nbreak.jpg", captions: [caption] },
  { image: "bad.jpg", error: "Expected an image." },
];

describe.each(["jsonl", "csv"] as const)("earlierRows of %s", (format) => {
  const writer = captionWriter(format, { confidence: false, showImage: true });
  const textOf = (list: typeof rows) => writer.begin() + list.map((row) => writer.row(row)).join("");

  it("keeps the rows of captioned photos as they are, and drops those of failed ones", () => {
    const { captioned, failed, text } = earlierRows(textOf(rows), format, "x");
    expect([...captioned]).toEqual(["a.jpg", "line\nbreak.jpg"]);
    expect(failed).toBe(1);
    expect(text).toBe(textOf(rows.slice(0, 2)));
  });

  it("leaves out a last line that a kill cut short", () => {
    const whole = textOf(rows.slice(0, 1));
    const cut = whole + writer.row({ image: "b.jpg", captions: [caption] }).slice(0, 12);
    expect(earlierRows(cut, format, "x").text).toBe(whole);
  });

  it("takes a run that was stopped before its first row for one that captioned nothing", () => {
    expect(earlierRows(writer.begin(), format, "x")).toMatchObject({ failed: 0, text: writer.begin() });
    expect(earlierRows(writer.begin().slice(0, 5), format, "x").text).toBe("");
  });

  it("refuses anything else", () => {
    expect(() => earlierRows("garbage\n", format, "x")).toThrow(`Expected ${format} captions of an earlier run`);
  });
});
