/**
 * Writes protocol buffer messages (wire format: varint and length-delimited fields). Nested messages and tensors are kept as the chunks
 * they came in, so a file of 90 MB is copied once.
 */
export class ProtobufWriter {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;

  /** An integer or enum field; negative numbers as 64-bit two's complement. */
  integer(field: number, value: number): this {
    return this.append(varint(field * 8), varint(value));
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.append(varint(field * 8 + 2), varint(value.length), value);
  }

  /** A repeated integer field, packed. */
  integers(field: number, values: readonly number[]): this {
    return this.message(field, (packed) => {
      for (const value of values) packed.append(varint(value));
    });
  }

  /** A nested message. */
  message(field: number, write: (message: ProtobufWriter) => void): this {
    const nested = new ProtobufWriter();
    write(nested);
    return this.append(varint(field * 8 + 2), varint(nested.length), ...nested.chunks);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.chunks, this.length);
  }

  private append(...chunks: Uint8Array[]): this {
    for (const chunk of chunks) {
      this.chunks.push(chunk);
      this.length += chunk.length;
    }
    return this;
  }
}

function varint(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
