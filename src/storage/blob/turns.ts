/** Work on one path goes one after the other; on different paths side by side. */
export function createTurns(): <T>(path: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (path, work) => {
    const mine = (last.get(path) ?? Promise.resolve()).then(work);
    const settled = mine.catch(() => {});
    last.set(path, settled);
    try {
      return await mine;
    } finally {
      if (last.get(path) === settled) last.delete(path);
    }
  };
}
