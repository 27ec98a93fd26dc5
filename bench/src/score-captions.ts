/** Captions by a small grammar: enough words and chance agreement for timing, no photo behind them. */
import type { CaptionPair } from "@showtell/eval";

const WHO =
  "man woman boy girl child dog cat player climber skier surfer cyclist worker farmer crowd couple team puppy horse bird".split(
    " ",
  );
const LOOK =
  "small young old brown black white happy wet tall little red-haired smiling muddy colourful tired barefoot".split(
    " ",
  );
const DOES =
  "runs jumps stands sits rides climbs plays rests walks swims looks waits leaps skates slides dances running jumping".split(
    " ",
  );
const WHERE = "in front of|next to|on top of|beside|behind|near|across|through|over|under|along|at the edge of".split(
  "|",
);
const WHAT =
  "house river field fence street beach mountain rock pool bridge car tree wall park court snow grass lake boat bench".split(
    " ",
  );
const WITH =
  "a ball|a red hat|its owner|two friends|a stick in its mouth|sunglasses|a camera|a dog's leash|an umbrella".split(
    "|",
  );

/** @returns `images` pairs of one candidate and five references, the same for the same number */
export function inventCaptions(images: number): CaptionPair[] {
  let state = 12345;
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const pick = (words: readonly string[]) => words[below(words.length)]!;
  return Array.from({ length: images }, (_, image) => {
    // A scene fixes most words, so that candidate and references share n-grams as captions of one photo do. Numbers keep the vocabulary growing.
    const scene = { who: pick(WHO), does: pick(DOES), where: pick(WHERE), what: pick(WHAT) };
    const say = () => {
      const same = (own: string, words: readonly string[]) => (below(3) > 0 ? own : pick(words));
      const tail = below(3) === 0 ? ` with ${pick(WITH)}` : below(8) === 0 ? ` number ${below(images)}` : "";
      return `A ${pick(LOOK)} ${same(scene.who, WHO)} ${same(scene.does, DOES)} ${same(scene.where, WHERE)} a ${pick(LOOK)} ${same(scene.what, WHAT)}${tail}.`;
    };
    return { id: String(image), candidate: say(), references: Array.from({ length: 5 }, say) };
  });
}
