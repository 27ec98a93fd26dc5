import { z } from "zod";

/** How captions are searched for unless the caller says otherwise: what a recipe's `decoding` says and a checkpoint carries. See SearchOptions. */
export const generationDefaultsSchema = z.strictObject({
  beamWidth: z.int().min(1).max(1000).default(3),
  maxLength: z.int().min(1).max(1000).default(20),
  minLength: z.int().min(1).max(1000).default(1),
  lengthPenalty: z.number().min(0).max(10).default(0.7),
  lengthPenaltyFormula: z.enum(["none", "average", "gnmt"]).default("average"),
  noRepeatNgramSize: z.int().min(0).max(100).default(0),
});

export type GenerationDefaults = z.infer<typeof generationDefaultsSchema>;
