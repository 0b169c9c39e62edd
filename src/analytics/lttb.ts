/**
 * Largest-Triangle-Three-Buckets: the indices of at most `threshold` points that keep the shape of a line. `x` must be
 * ascending. First and last point always stay. Linear time; the same points give the same choice.
 */
export function lttb(x: Float64Array, y: Float64Array, threshold: number): Uint32Array {
  const n = x.length;
  if (threshold >= n || threshold < 3) return Uint32Array.from({ length: n }, (_, i) => i);
  const chosen = new Uint32Array(threshold);
  const width = (n - 2) / (threshold - 2);
  let previous = 0;
  for (let bucket = 0; bucket < threshold - 2; bucket++) {
    const start = Math.floor(bucket * width) + 1;
    const end = Math.floor((bucket + 1) * width) + 1;
    const next = mean(x, y, end, Math.min(Math.floor((bucket + 2) * width) + 1, n));
    previous = largest(x, y, start, end, previous, next);
    chosen[bucket + 1] = previous;
  }
  chosen[threshold - 1] = n - 1;
  return chosen;
}

function mean(x: Float64Array, y: Float64Array, start: number, end: number): { x: number; y: number } {
  let sumX = 0;
  let sumY = 0;
  for (let i = start; i < end; i++) {
    sumX += x[i]!;
    sumY += y[i]!;
  }
  return { x: sumX / (end - start), y: sumY / (end - start) };
}

function largest(
  x: Float64Array,
  y: Float64Array,
  start: number,
  end: number,
  from: number,
  to: { x: number; y: number },
): number {
  const ax = x[from]!;
  const ay = y[from]!;
  let best = start;
  let bestArea = -1;
  for (let i = start; i < end; i++) {
    const area = Math.abs((ax - to.x) * (y[i]! - ay) - (ax - x[i]!) * (to.y - ay));
    if (area > bestArea) {
      bestArea = area;
      best = i;
    }
  }
  return best;
}
