import type { RootDatabase } from "lmdb";
import { z } from "zod";
import { expected, FeatureStoreError } from "../errors.js";
import { VIEWS } from "./feature-source.js";
import type { OpenFeatureStoreOptions } from "./feature-store.js";

const FORMAT_VERSION = 1;

const manifestSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  encoder: z.string(),
  fingerprint: z.string(),
  dtype: z.enum(["float16", "float32"]),
  outputs: z.array(z.enum(["pooled", "grid"])),
  views: z.array(z.enum(VIEWS)),
});
/** What a store says of itself. */
export type Manifest = z.infer<typeof manifestSchema>;

/** @throws FeatureStoreError for a store of another format */
export function readManifest(root: RootDatabase<string, string>, directory: string): Manifest | undefined {
  const text = root.get("manifest");
  if (text === undefined) return undefined;
  const result = manifestSchema.safeParse(JSON.parse(text));
  if (result.success) return result.data;
  throw new FeatureStoreError(expected(`a feature store of format ${FORMAT_VERSION}`, directory, text), {
    hint: "It was written by another version of Showtell: delete the folder and run `showtell encode` again.",
  });
}

/**
 * What the store holds and what is asked for, brought together.
 * @throws FeatureStoreError where they do not go together
 */
export function agreeOnManifest(
  stored: Manifest | undefined,
  { encoder, outputs, views, create = false, dtype }: OpenFeatureStoreOptions,
  fingerprint: string,
  directory: string,
): Manifest {
  const foreign = "Use another folder, or delete this one and run `showtell encode` again.";
  if (stored === undefined) {
    if (!create) {
      throw new FeatureStoreError(expected("a feature store", directory, "one that was never finished"), {
        hint: foreign,
      });
    }
    return {
      formatVersion: FORMAT_VERSION,
      encoder: encoder.name,
      fingerprint,
      dtype: dtype ?? "float16",
      outputs: [...(outputs ?? ["pooled"])],
      views: [...(views ?? ["plain"])],
    };
  }
  if (stored.fingerprint !== fingerprint) {
    const name = (encoderName: string, print: string) => `${encoderName} (${print.slice(0, 12)})`;
    throw new FeatureStoreError(
      expected(
        `features of ${name(encoder.name, fingerprint)}`,
        directory,
        `those of ${name(stored.encoder, stored.fingerprint)}`,
      ),
      { hint: foreign },
    );
  }
  if (dtype !== undefined && dtype !== stored.dtype) {
    throw new FeatureStoreError(expected(`${dtype} features`, directory, stored.dtype), { hint: foreign });
  }
  const merged = {
    ...stored,
    outputs: union(["pooled", "grid"] as const, stored.outputs, outputs),
    views: union(VIEWS, stored.views, views),
  };
  const grows = merged.outputs.length > stored.outputs.length || merged.views.length > stored.views.length;
  if (grows && !create) {
    throw new FeatureStoreError(
      expected(
        `${(outputs ?? stored.outputs).join(" and ")} features, ${(views ?? stored.views).join(" and ")}`,
        directory,
        `${stored.outputs.join(" and ")} features, ${stored.views.join(" and ")}`,
      ),
      { hint: "Add what is missing with `showtell encode`." },
    );
  }
  return merged;
}

function union<T>(order: readonly T[], stored: readonly T[], asked: readonly T[] = []): T[] {
  return order.filter((item) => stored.includes(item) || asked.includes(item));
}
