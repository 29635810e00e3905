/** Reads a stream by the byte: as many at a time as are asked for, in whatever pieces they come. */

export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** Come, but not asked for yet. */
  #left: Uint8Array = new Uint8Array(0);
  #position: number;

  /** `position`: where the stream's first byte lies in what it is a part of. */
  constructor(stream: AsyncIterable<Uint8Array>, position = 0) {
    this.#pieces = stream[Symbol.asyncIterator]();
    this.#position = position;
  }

  /** Of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** The next `length` bytes, in a piece of memory of their own; fewer at the end. */
  async read(length: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.pieces(length)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Passes over `length` bytes; returns how many there were. */
  async skip(length: number): Promise<number> {
    const from = this.#position;
    for await (const _ of this.pieces(length));
    return this.#position - from;
  }

  /** The next `length` bytes as they come; fewer at the end. */
  async *pieces(length: number): AsyncGenerator<Uint8Array> {
    for (let wanted = length; wanted > 0;) {
      if (this.#left.length === 0) {
        const next = await this.#pieces.next();
        if (next.done) return;
        this.#left = next.value;
      }
      const piece = this.#left.subarray(0, wanted);
      this.#left = this.#left.subarray(piece.length);
      this.#position += piece.length;
      wanted -= piece.length;
      yield piece;
    }
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
