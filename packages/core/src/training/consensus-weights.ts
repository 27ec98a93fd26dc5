import type { RewardCaptions } from "./train-options.js";
import type { WeighCaptions } from "./training-examples.js";

/**
 * Weighs a photo's captions by how much each says what the others say (weighted cross-entropy, Phan et al. 2017, "Consensus-based sequence training for
 * video captioning", §3): a softmax of their rewards over the photo, scaled to a mean of 1. Every caption's reward has the same share for its likeness to
 * itself, which a softmax does not see.
 * @param temperature of the softmax, in units of the reward: the lower, the more the captions that agree count
 */
export function consensusWeights(reward: RewardCaptions, temperature: number): WeighCaptions {
  return (imageId, captions) => {
    const rewards = Array.from(reward(captions.map((text) => ({ imageId, text, ended: true }))));
    const highest = Math.max(...rewards);
    const odds = rewards.map((value) => Math.exp((value - highest) / temperature));
    const total = odds.reduce((sum, value) => sum + value, 0);
    return odds.map((value) => (value / total) * captions.length);
  };
}
