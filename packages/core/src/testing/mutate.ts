import type { Random } from "../random.js";

// Damage for fuzz tests: a pure function of the random stream, so that a failure can be repeated from its seed.

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e300,
  2 ** 53,
  "",
  "\ud800",
  "__proto__",
  "x".repeat(5000),
  [],
  {},
  [[[]]],
  { length: 3 },
];

/** A copy of a JSON value in which one to three places were replaced, removed, doubled or renamed. */
export function mutateJson(value: unknown, random: Random): unknown {
  let mutated: unknown = structuredClone(value);
  for (let times = 1 + random.integer(3); times > 0; times--) mutated = mutateOnce(mutated, random);
  return mutated;
}

function mutateOnce(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || random.uniform() < 0.1) {
    return ODD_VALUES[random.integer(ODD_VALUES.length)];
  }
  if (Array.isArray(value)) {
    const index = random.integer(value.length + 1);
    const action = random.integer(4);
    if (action === 0) return value.toSpliced(index, 1);
    if (action === 1) return value.toSpliced(index, 0, ODD_VALUES[random.integer(ODD_VALUES.length)]);
    if (action === 2) return value.toSpliced(index, 0, value[random.integer(Math.max(1, value.length))]);
    return value.length === 0 ? [null] : value.map((item, at) => (at === index ? mutateOnce(item, random) : item));
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return { unexpected: 1 };
  const chosen = random.integer(entries.length);
  const action = random.integer(6);
  if (action === 0) return Object.fromEntries(entries.toSpliced(chosen, 1));
  if (action === 1) return { ...value, [`x${random.integer(9)}`]: 1 };
  return Object.fromEntries(entries.map(([key, item], at) => [key, at === chosen ? mutateOnce(item, random) : item]));
}

/** A copy of the bytes with one to eight of them flipped, cut, doubled or overwritten. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated = Buffer.from(bytes);
  for (let times = 1 + random.integer(8); times > 0; times--) {
    const at = random.integer(mutated.length + 1);
    const action = random.integer(6);
    if (action === 0) mutated = mutated.subarray(0, at);
    else if (action === 1)
      mutated = Buffer.concat([mutated.subarray(0, at), Buffer.from([random.integer(256)]), mutated.subarray(at)]);
    else if (action === 2)
      mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + random.integer(16))]);
    else if (action === 3) mutated = Buffer.concat([mutated, mutated.subarray(at)]);
    else if (at < mutated.length)
      mutated[at] = action === 4 ? random.integer(256) : mutated[at]! ^ (1 << random.integer(8));
  }
  return mutated;
}
