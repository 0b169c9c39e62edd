import { ChartlyError } from '#kit';
import { readDataDirectoryOwner } from '#storage';
import { readConfig } from './config.ts';
import { readLocalKey } from './local-key.ts';
import { serve } from './serve.ts';

export interface OpenOptions {
  /** A server to use; without it, the one that holds the data directory, else one started for this command. */
  url?: string;
  apiKey?: string;
  dataDir?: string;
}

export interface OpenedSystem {
  url: string;
  apiKey: string;
  /** True when this process runs the services itself, until `close`. */
  embedded: boolean;
  /** Running jobs get `graceMs` to end, then are repeated later. */
  close(graceMs?: number): Promise<void>;
}

const patienceMs = 15_000;
const nothing = async (): Promise<void> => {};

/**
 * Finds or starts the system that a command talks to over HTTP. Errors: `unauthorized` when a server is named and no key,
 * `config_invalid` when its URL is none; else as `serve`.
 */
export async function openSystem(options: OpenOptions = {}): Promise<OpenedSystem> {
  const url = options.url ?? process.env.CHARTLY_URL;
  const apiKey = options.apiKey ?? process.env.CHARTLY_API_KEY;
  if (url) {
    if (!apiKey) {
      throw new ChartlyError('unauthorized', 'A server is named, but no key for it.', {
        action: 'Give --key or set CHARTLY_API_KEY.',
      });
    }
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw new ChartlyError('config_invalid', `${url} is not the URL of a server.`, {
        action: 'Give one like http://127.0.0.1:4747.',
      });
    }
    return { url: url.replace(/\/+$/, ''), apiKey, embedded: false, close: nothing };
  }
  // A command tells what went wrong itself: the log lines of its services would only stand between.
  const logLevel = process.env.CHARTLY_LOG_LEVEL ? undefined : 'error';
  const config = readConfig(process.env, { dataDir: options.dataDir, logLevel, port: 0 });
  for (const began = Date.now(); ;) {
    const served = await servedSystem(config.dataDir, apiKey);
    if (served !== undefined) return served;
    try {
      const serving = await serve({ ...config, host: '127.0.0.1' });
      const close = (graceMs?: number): Promise<void> => serving.stop(graceMs);
      return { url: serving.url, apiKey: apiKey ?? serving.apiKey, embedded: true, close };
    } catch (error) {
      // Whoever holds the directory may be starting: soon it says where it serves.
      const isStarting = error instanceof ChartlyError && error.code === 'data_dir_locked';
      if (!isStarting || Date.now() - began > patienceMs) throw error;
    }
  }
}

/** The server that holds the directory, when there is one and it serves. */
async function servedSystem(dataDir: string, apiKey: string | undefined): Promise<OpenedSystem | undefined> {
  const owner = readDataDirectoryOwner(dataDir);
  if (!owner?.url) return undefined;
  const key = apiKey ?? (await readLocalKey(dataDir));
  if (!key) throw new ChartlyError('unauthorized', `No key for the server at ${owner.url}.`);
  return { url: owner.url, apiKey: key, embedded: false, close: nothing };
}
