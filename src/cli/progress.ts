import type { Io } from './io.ts';
import { fit } from './text.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** One line on standard error that is drawn again and again; nothing at all when that is no terminal. */
export interface ProgressLine {
  show(text: string): void;
  clear(): void;
}

export function progressLine(io: Io): ProgressLine {
  if (!io.liveErr) return { show() {}, clear() {} };
  let frame = 0;
  let drawn = false;
  return {
    show(text) {
      const spinner = frames[frame++ % frames.length]!;
      io.err(`\r\x1b[2K${fit(`${spinner} ${text}`, (io.columns ?? 80) - 1)}`);
      drawn = true;
    },
    clear() {
      if (drawn) io.err('\r\x1b[2K');
      drawn = false;
    },
  };
}
