import type { Command } from 'commander';
import { printJson, wholeNumber, type OutputOptions } from './command.ts';
import type { Io } from './io.ts';
import { table, type Column } from './table.ts';

/** A page of a list, as the API gives it. */
export interface Page<T> {
  items: T[];
  next?: string;
}

export interface PageOptions {
  limit?: number;
  after?: string;
}

export function pageOptions(command: Command): Command {
  return command
    .option('--limit <n>', 'how many at most (default 100)', wholeNumber(1, 1000))
    .option('--after <cursor>', 'go on after the page before');
}

/** Prints a page as a table, or as it came. Says on standard error when there is nothing, or more. */
export function printPage<T>(
  io: Io,
  page: Page<T>,
  options: OutputOptions,
  columns: Column[],
  row: (item: T) => string[],
): void {
  if (options.json === true) return printJson(io, page);
  if (page.items.length === 0) return io.err('nothing to show\n');
  io.out(table(io, columns, page.items.map(row)));
  if (page.next !== undefined && page.next !== null) io.err(`more: --after ${page.next}\n`);
}
