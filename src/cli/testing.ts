import { run } from './run.ts';

export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** Runs one command line as if typed into a pipe. */
export async function runCommand(argv: readonly string[], input = ''): Promise<Outcome> {
  const out: Buffer[] = [];
  let err = '';
  const code = await run(argv, {
    out: (text) => out.push(Buffer.from(text)),
    err: (text) => (err += text),
    readInput: async () => input,
    columns: undefined,
    color: false,
    liveErr: false,
  });
  return { code, out: Buffer.concat(out).toString('utf8'), err };
}
