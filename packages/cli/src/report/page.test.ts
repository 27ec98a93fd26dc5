import { describe, expect, it } from "vitest";
import { COMPARED, EXAMPLE, PICTURES } from "./example-report.js";
import { reportPage } from "./page.js";
import type { ReportData } from "./report-data.js";

const VOID_ELEMENTS = ["meta", "img", "br"];

/** Elements that are opened and not closed, or closed and not opened; the page is written by hand, so it must be strict. */
function unbalanced(page: string): string[] {
  const open: string[] = [];
  const faults: string[] = [];
  const body = page.replace(/<style>[\s\S]*?<\/style>|<script>[\s\S]*?<\/script>|<!doctype html>/g, "");
  for (const [, slash, name, rest] of body.matchAll(/<(\/?)([a-z0-9]+)((?:[^<>"]|"[^"]*")*)>/g)) {
    if (VOID_ELEMENTS.includes(name!) || rest!.endsWith("/")) continue;
    if (!slash) open.push(name!);
    else if (open.at(-1) === name) open.pop();
    else faults.push(name!);
  }
  return [...faults, ...open];
}

const sectionIds = (page: string) => [...page.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id);

/** The text of a section without its markup. */
function textOf(page: string, id: string): string {
  const section = page.slice(page.indexOf(`<section id="${id}"`)).split("</section>")[0]!;
  return section.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

describe("the report page", () => {
  const page = reportPage(EXAMPLE, PICTURES);

  it("has all its sections, links to each, and closes what it opens", () => {
    const ids = [
      "overview",
      "curves",
      "scores",
      "exposure",
      "sample",
      "best",
      "worst",
      "uncertain",
      "language",
      "recipe",
      "captions",
    ];
    expect(sectionIds(page)).toEqual(ids);
    const links = [...page.matchAll(/<a href="#(\w+)"/g)].map(([, id]) => id);
    expect(links).toEqual(ids.slice(1));
    expect(unbalanced(page)).toEqual([]);
  });

  it("says the same in the same bytes", () => {
    expect(reportPage(EXAMPLE, PICTURES)).toBe(page);
  });

  it("needs nothing from outside the file, and forbids it", () => {
    expect(page).toContain("default-src 'none'".replaceAll("'", "&#39;"));
    for (const [, target] of page.matchAll(/(?:href|src)="([^"]*)"/g)) expect(target).toMatch(/^(#|data:image\/)/);
    expect(page).not.toMatch(/https?:|url\(|@import/);
    expect(page.match(/<script/g)).toHaveLength(1);
  });

  it("writes nothing that comes from data as markup", () => {
    const attack = `"'><img src=x onerror=alert(1)>`;
    const spoil = (value: unknown): unknown => {
      if (typeof value === "string") return `${value}${attack}`;
      if (Array.isArray(value)) return value.map(spoil);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, spoil(member)]));
    };
    const { metrics, createdAt, ...texts } = COMPARED;
    const spoilt = { ...(spoil(texts) as ReportData), metrics, createdAt };
    const large = new Map(spoilt.captions.map(({ id }) => [id, PICTURES.large.get("a.jpg")!]));
    const result = reportPage(spoilt, { ...PICTURES, large, small: large });
    expect(result).toContain("onerror=alert(1)&#62;");
    expect(result).not.toContain("<img src=x");
    expect(unbalanced(result)).toEqual([]);
  });

  it("shows each photo once in full, and refers to it from every card and shaded copy", () => {
    expect(page.match(/<image id="photo-/g)).toHaveLength(2);
    // a.jpg and b.jpg stand in two lists each, with four words.
    expect(page.match(/<use href="#photo-/g)).toHaveLength(4 + 4 * 4);
    expect(page.match(/SHADE0/g)).toHaveLength(4);
    expect(textOf(page, "sample")).toContain("Where it looked, word by word");
  });

  it("tells pictures to those who cannot see them, and says when there is none", () => {
    for (const [svg] of page.matchAll(/<svg [^>]*>/g))
      expect(svg).toMatch(/aria-hidden="true"|role="img" aria-label="[^"]+"/);
    for (const [image] of page.matchAll(/<img [^>]*>/g)) expect(image).toMatch(/alt="[^"]+"/);
    for (const [, table] of page.matchAll(/<table[^>]*>([\s\S]*?)<\/table>/g)) expect(table).toContain('scope="col"');
    expect(textOf(page, "uncertain")).toContain("The photo is not there.");
    expect(textOf(page, "captions")).toContain("no photo");
  });

  it("gives probabilities alone where there is no attention", () => {
    const captions = EXAMPLE.captions.map((caption) => ({
      ...caption,
      words: caption.words.map(({ word, probability }) => ({ word, probability })),
    }));
    const shades = new Map(captions.map(({ id }) => [id, []]));
    const pooled = reportPage({ ...EXAMPLE, captions }, { ...PICTURES, shades });
    expect(textOf(pooled, "sample")).not.toMatch(/looked|peak|darker/);
    expect(textOf(pooled, "sample")).toContain("Word by word");
  });

  it("marks copies of training captions and counts the edits of others", () => {
    expect(textOf(page, "best")).toContain("Word for word a training caption.");
    expect(textOf(page, "worst")).toContain("Nearest training caption, 1 word to change: two birds sit fast");
  });

  it("marks defaults in the recipe, and keys in which runs differ", () => {
    expect(textOf(page, "recipe")).toContain("epochs 3 ");
    expect(textOf(page, "recipe")).toContain("labelSmoothing 0 default");
    expect(reportPage(COMPARED, PICTURES)).toMatch(/<tr class="differs"><th scope="row"><code>epochs/);
  });

  it("compares several runs with the first, and marks only differences that are not chance", () => {
    const compared = reportPage(COMPARED, PICTURES);
    expect(sectionIds(compared)[1]).toBe("comparison");
    expect(textOf(compared, "comparison")).toContain("+5.0 (+1.0 … +9.0) p ≤ 0.001");
    expect(compared.match(/class="better"/g)).toHaveLength(1);
    expect(compared).not.toContain('class="worse"');
    expect(textOf(compared, "sample")).toContain("second : a dog runs too");
    expect(unbalanced(compared)).toEqual([]);
  });

  it("leaves out what a bare checkpoint does not have, and survives an epoch that exploded", () => {
    const [run] = EXAMPLE.runs as [ReportData["runs"][number]];
    const bare = reportPage({ ...EXAMPLE, runs: [{ ...run, epochs: [], recipe: [] }] }, PICTURES);
    expect(sectionIds(bare)).not.toContain("curves");
    expect(sectionIds(bare)).not.toContain("recipe");
    const epochs = run.epochs.map((epoch) => ({ ...epoch, trainLossPerToken: Number.NaN }));
    expect(reportPage({ ...EXAMPLE, runs: [{ ...run, epochs }] }, PICTURES)).not.toMatch(/="[^"]*NaN/);
  });

  it("leaves out what needs a second reference, or captions to train on, where there are none", () => {
    const { people, prefixLosses, captions, dataset, words, ...rest } = EXAMPLE;
    const none = { teacherForced: [], otherReference: [], ownCaption: [] };
    const poor = reportPage(
      {
        ...rest,
        prefixLosses: { ...prefixLosses, paired: none },
        captions: captions.map(({ nearest, ...caption }) => ({
          ...caption,
          references: caption.references.slice(0, 1),
        })),
        dataset: { ...dataset, trainCaptions: 0 },
        words: { ...words, bands: [] },
      },
      PICTURES,
    );
    expect(poor.replace(/<script>[\s\S]*/, "").match(/NaN|Infinity|undefined/)).toBeNull();
    expect(textOf(poor, "scores")).not.toContain("people");
    expect(textOf(poor, "exposure")).not.toContain("another person");
    expect(textOf(poor, "overview")).not.toContain("copies");
    expect(textOf(poor, "language")).not.toMatch(/training caption/);
  });

  it("draws the reward of self-critical training in place of a train loss that is none", () => {
    const [run] = EXAMPLE.runs as [ReportData["runs"][number]];
    const epochs = run.epochs.map((epoch) => ({ ...epoch, sampled: { reward: 0.35, words: 9 } }));
    const curves = textOf(reportPage({ ...EXAMPLE, runs: [{ ...run, epochs }] }, PICTURES), "curves");
    expect(curves).toContain("Reward of the captions drawn");
    expect(curves).not.toContain("dropout and smoothing");
  });

  it("stays small where there are many captions", () => {
    const captions = Array.from({ length: 1000 }, (_, i) => ({ ...EXAMPLE.captions[i % 3]!, id: `${i}.jpg` }));
    const many = reportPage(
      { ...EXAMPLE, captions, shown: { sample: [], best: [], worst: [], uncertain: [] } },
      PICTURES,
    );
    expect(many.length).toBeLessThan(700_000);
  });
});
