import { defineConfig } from 'vitest/config';

// Tests against real servers, which they start themselves (test/served/services). Where one cannot be had, they fail.
export default defineConfig({
  test: {
    include: ['test/served/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
  },
});
