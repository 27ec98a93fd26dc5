import type { RewardCaptions, TrainOptions } from "@showtell/core";
import { noTokenizer, prepareCider, ptbTokenizer } from "@showtell/eval";

/** Not a word of any caption, and no punctuation that the tokeniser drops. */
const END_WORD = "<end>";

/**
 * CIDEr-D against the training captions, as the reward of self-critical training. The end of a caption counts as a word, in samples and references alike
 * (Rennie et al. 2017, §5): without it, captions that stop after "a" or "with" pay nothing for the missing rest.
 */
export const prepareRewards: NonNullable<TrainOptions["prepareRewards"]> = (images): RewardCaptions => {
  const tokens = (caption: string) => ptbTokenizer.tokenize(caption);
  const cider = prepareCider(
    images.map(({ captions }) => captions.map((caption) => `${tokens(caption)} ${END_WORD}`)),
    noTokenizer,
  );
  const indexOf = new Map(images.map(({ id }, index) => [id, index]));
  return (captions) =>
    cider.score(
      captions.map(({ text, ended }) => (ended ? `${tokens(text)} ${END_WORD}` : tokens(text))),
      captions.map(({ imageId }) => indexOf.get(imageId)!),
    );
};
