import { z } from "zod";

/**
 * What a decoder is: everything that decides its parameters and its arithmetic. Stored in every checkpoint.
 *
 * One time step, for a row that belongs to one image (all products are row vector times matrix):
 * ```
 * x_0 = projected image (imageInjection "first-input") or embedding of <start> ("initial-state")
 * x_t = embedding of the word at position t − 1
 * h^l, c^l = LSTM_l(normalise(l = 0 ? x_t : h^{l−1}))         gates i, f, g, o
 * o_t = h^last, or tanh(W [h^last; context]) with attention
 * logits = o_t · W_out + b
 * ```
 */
export const decoderSpecSchema = z
  .strictObject({
    /** Words plus the four special tokens. */
    vocabSize: z.int().min(5).max(1_000_000),
    /** Length of the pooled image vector. */
    featureSize: z.int().min(1).max(65_536),
    embeddingSize: z.int().min(1).max(8192),
    hiddenSize: z.int().min(1).max(8192),
    layerCount: z.int().min(1).max(16),
    /**
     * `first-input`: the linearly projected image is the LSTM's input at time 0, in the place of `<start>` (Vinyals et al. 2015, §3.1).
     * `initial-state`: h₀ = tanh(W_h f + b_h), c₀ = tanh(W_c f + b_c) for each layer (Xu et al. 2015, §3.1.2) and `<start>` is the first input.
     */
    imageInjection: z.enum(["first-input", "initial-state"]),
    /**
     * Normalises the pooled image vector and the input of each LSTM layer.
     * `batch`: Ioffe & Szegedy 2015, ε 1e-3, momentum 0.99; statistics over the batch's distinct images for the image vector, and over all
     * non-padding positions of the batch for layer inputs; running statistics otherwise. `layer`: Ba et al. 2016, ε 1e-5.
     */
    normalization: z.enum(["none", "batch", "layer"]),
    /** Output weights are the transposed embedding (Press & Wolf 2017), after a linear map if hiddenSize ≠ embeddingSize. */
    tiedWeights: z.boolean(),
    /** `hardSigmoid` is clip(0.2 x + 0.5, 0, 1), for decoders imported from old Keras. */
    gateActivation: z.enum(["sigmoid", "hardSigmoid"]),
    /**
     * Attention over the grid, outside the recurrence: values v = relu(g W_v + b_v), keys v W_k, query h_t W_q, scaled dot product per head,
     * o_t = tanh([h_t; context] W + b). The context is not fed back into the LSTM.
     */
    attention: z
      .strictObject({
        heads: z.int().min(1).max(64),
        /** Width of values, keys and queries, over all heads together. */
        size: z.int().min(1).max(8192),
        /** Length of one grid cell's vector. */
        gridFeatureSize: z.int().min(1).max(65_536),
      })
      .refine((attention) => attention.size % attention.heads === 0, "size must be a multiple of heads")
      .optional(),
    /** Training only. Inverted dropout: kept values are divided by 1 − rate. See dropout-mask.ts for the masks. */
    dropout: z.strictObject({
      /** On the projected image vector, before it enters the LSTM (first-input) or on the pooled vector before the projections (initial-state). */
      image: rate(),
      /** On word vectors, new mask each step. */
      embedding: rate(),
      /** On the (normalised) input of each LSTM layer. */
      input: rate(),
      /** `sequence`: one input mask for all steps (Gal & Ghahramani 2016); `step`: a new one each step. */
      inputMask: z.enum(["step", "sequence"]),
      /** On h_{t−1} inside each layer, one mask a sequence. */
      recurrent: rate(),
      /** On the attention values v, per image and cell. */
      attentionValue: rate(),
      /** On [h_t; context] before W. */
      attentionOutput: rate(),
      /** On o_t before the logits. */
      output: rate(),
    }),
  })
  .readonly();

function rate() {
  return z.number().min(0).max(0.95);
}

export type DecoderSpec = z.infer<typeof decoderSpecSchema>;
export type DropoutSpec = DecoderSpec["dropout"];
export type AttentionSpec = NonNullable<DecoderSpec["attention"]>;

/** Special tokens have the same ids in every vocabulary. */
export const PAD_TOKEN_ID = 0;
export const START_TOKEN_ID = 1;
export const END_TOKEN_ID = 2;
export const UNKNOWN_TOKEN_ID = 3;
export const SPECIAL_TOKENS = ["<pad>", "<start>", "<end>", "<unk>"] as const;

export const BATCH_NORM_EPSILON = 1e-3;
export const BATCH_NORM_MOMENTUM = 0.99;
export const LAYER_NORM_EPSILON = 1e-5;

export const NO_DROPOUT: DropoutSpec = {
  image: 0,
  embedding: 0,
  input: 0,
  inputMask: "step",
  recurrent: 0,
  attentionValue: 0,
  attentionOutput: 0,
  output: 0,
};
