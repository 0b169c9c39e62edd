import { systemClock, type Clock } from '#kit';
import type { Cache } from './port.ts';

export interface MemoryCacheOptions {
  clock?: Clock;
  /** Default 10,000. */
  maxEntries?: number;
  /** Default 64 Mi UTF-16 units over all keys and values. */
  maxChars?: number;
}

/** A bounded cache of this process: beyond its bounds the values that were used least recently go first. */
export function createMemoryCache(options: MemoryCacheOptions = {}): Cache {
  const { clock = systemClock, maxEntries = 10_000, maxChars = 64 * 1024 * 1024 } = options;
  // A Map keeps the order of insertion: the first entry is the one used least recently.
  const entries = new Map<string, { value: string; until: number }>();
  let chars = 0;

  function drop(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    chars -= key.length + entry.value.length;
  }

  return {
    async get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (entry.until <= clock.now()) {
        drop(key);
        return undefined;
      }
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    async set(key, value, ttlMs) {
      drop(key);
      if (ttlMs <= 0 || key.length + value.length > maxChars) return;
      entries.set(key, { value, until: clock.now() + ttlMs });
      chars += key.length + value.length;
      for (const oldest of entries.keys()) {
        if (entries.size <= maxEntries && chars <= maxChars) break;
        drop(oldest);
      }
    },
    async delete(key) {
      drop(key);
    },
  };
}
