import type { Captioner, CaptionImagesOptions } from "@showtell/core/captioning";
import { ImageError } from "@showtell/core/errors";
import { describe, expect, it } from "vitest";
import { CaptionLanes } from "./caption-lanes.js";

const never = () => new AbortController().signal;
const photo = (number: number) => Uint8Array.of(number);

/** Captions a photo by its first byte, `together` at a time; notes which stream did it. Byte 13 is no photo, byte 66 the end of the stream. */
function fakeCaptioner(streams: CaptionImagesOptions[]): Captioner {
  return {
    async *captionStream(inputs: AsyncIterable<Uint8Array>, options: CaptionImagesOptions) {
      const stream = streams.push(options);
      for await (const input of inputs) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (input[0] === 66) throw new Error("broken");
        if (input[0] === 13) yield { input, error: new ImageError("no photo") };
        else yield { input, captions: [{ text: `${input[0]} by stream ${stream}` }] };
      }
    },
  } as unknown as Captioner;
}

const textOf = async (captions: ReturnType<CaptionLanes["caption"]>) => (await captions)[0]?.text;

describe("CaptionLanes", () => {
  it("puts photos with the same options into one stream, and begins another when it has ended", async () => {
    const streams: CaptionImagesOptions[] = [];
    const lanes = new CaptionLanes(fakeCaptioner(streams));
    const first = [1, 2, 3].map((number) => textOf(lanes.caption(photo(number), { nBest: 1 }, never())));
    const other = textOf(lanes.caption(photo(4), { nBest: 2 }, never()));
    expect(await Promise.all(first)).toEqual(["1 by stream 1", "2 by stream 1", "3 by stream 1"]);
    expect(await other).toBe("4 by stream 2");
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await textOf(lanes.caption(photo(5), { nBest: 1 }, never()))).toBe("5 by stream 3");
    expect(streams.map(({ nBest }) => nBest)).toEqual([1, 2, 1]);
  });

  it("takes photos that come while others are under way", async () => {
    const lanes = new CaptionLanes(fakeCaptioner([]));
    const texts: (string | undefined)[] = [];
    for (let number = 20; number < 26; number++) {
      const before = lanes.caption(photo(number), {}, never());
      texts.push(await textOf(lanes.caption(photo(number + 100), {}, never())), await textOf(before));
    }
    expect(texts.map((text) => text?.split(" ")[0])).toEqual(
      [120, 20, 121, 21, 122, 22, 123, 23, 124, 24, 125, 25].map(String),
    );
  });

  it("gives what is drawn at random a stream of its own", async () => {
    for (const sampling of [{ temperature: 1 }, { topK: 5 }, { topP: 0.9 }]) {
      const streams: CaptionImagesOptions[] = [];
      const lanes = new CaptionLanes(fakeCaptioner(streams));
      await Promise.all([1, 2].map((number) => lanes.caption(photo(number), { ...sampling, seed: 1 }, never())));
      expect(streams.length).toBe(2);
    }
  });

  it("gives a photo's error to its sender alone, and a stream's to all who wait for it", async () => {
    const lanes = new CaptionLanes(fakeCaptioner([]));
    const mixed = await Promise.allSettled([1, 13, 2].map((number) => lanes.caption(photo(number), {}, never())));
    expect(mixed.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const broken = await Promise.allSettled([1, 66, 2].map((number) => lanes.caption(photo(number), {}, never())));
    expect(broken.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(await textOf(lanes.caption(photo(3), {}, never()))).toMatch(/^3/);
  });

  it("forgets a photo whose sender is gone before it was begun", async () => {
    const lanes = new CaptionLanes(fakeCaptioner([]));
    const gone = new AbortController();
    const first = textOf(lanes.caption(photo(1), {}, never()));
    const dropped = lanes.caption(photo(66), {}, gone.signal);
    gone.abort();
    await expect(dropped).rejects.toThrow();
    expect(await first).toMatch(/^1/);
    const alone = new AbortController();
    const only = lanes.caption(photo(66), { nBest: 9 }, alone.signal);
    alone.abort();
    await expect(only).rejects.toThrow();
    expect(await textOf(lanes.caption(photo(2), { nBest: 9 }, never()))).toMatch(/^2/);
  });
});
