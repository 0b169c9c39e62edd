/** Short-lived values that may be lost at any time: losing them costs time, never correctness. */
export interface Cache {
  get(key: string): Promise<string | undefined>;
  /** Keeps the value for at most `ttlMs`. */
  set(key: string, value: string, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
}
