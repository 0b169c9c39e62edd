/** Where a command reads and writes; a test gives its own. */
export interface Io {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** All of standard input as text. */
  readInput(): Promise<string>;
  /** Width of standard output in columns; undefined when it is not a terminal. */
  columns: number | undefined;
  /** Colours may be used on standard output. */
  color: boolean;
  /** Standard error is a terminal: a line on it may be drawn again and again. */
  liveErr: boolean;
}

/** The streams of this process. */
export function processIo(): Io {
  const { stdout, stderr, stdin } = process;
  // Whoever reads may stop early, as `head` does: that is no failure.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    async readInput() {
      const parts: Buffer[] = [];
      for await (const part of stdin) parts.push(part as Buffer);
      return Buffer.concat(parts).toString('utf8');
    },
    columns: stdout.isTTY ? (stdout.columns ?? 80) : undefined,
    color: stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    liveErr: stderr.isTTY && process.env['TERM'] !== 'dumb',
  };
}
