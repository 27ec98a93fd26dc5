/** What benchmarks on a real dataset are given on the command line, opened: photos with captions, and their features from a store. */
import { type Dataset, type FeatureStore, loadDataset, openFeatureStore, readEncoderSpec } from "@showtell/core";
import { expected, OptionError } from "@showtell/core/errors";
import { defaultEncoderName, pretrainedEncoders } from "@showtell/pretrained";

export interface RealDataset {
  readonly dataset: Dataset;
  readonly store: FeatureStore;
}

/**
 * @param data what `showtell train --data` takes
 * @param store folder that `showtell encode` filled, with the encoder that ships
 */
export async function openRealDataset(data: string | undefined, store: string | undefined): Promise<RealDataset> {
  const [dataPath, storePath] = [given("--data", data), given("--store", store)];
  const encoder = await readEncoderSpec(pretrainedEncoders[defaultEncoderName]!);
  return { dataset: await loadDataset(dataPath), store: await openFeatureStore(storePath, { encoder }) };
}

function given(option: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new OptionError(expected("a path", option, undefined), {
    hint: "For example --data flickr8k --store showtell-features, as for `showtell train`.",
  });
}
