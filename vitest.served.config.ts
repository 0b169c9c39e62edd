import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 120_000, hookTimeout: 300_000 };

// Tests against real servers, which they start themselves (test/served/services). Where one cannot be had, they fail.
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'served', include: ['test/served/**/*.test.ts'] } },
      {
        // What rooms that lean on the relational plane promise, and what the whole does for years, once more with a PostgreSQL server under them.
        test: {
          ...shared,
          name: 'on PostgreSQL',
          include: [
            'src/{orchestrator,audit,auth}/**/*.test.ts',
            'src/storage/relational/key-store.test.ts',
            'test/repair/{repair,promote,retention}.test.ts',
            'test/drift/drift.test.ts',
          ],
          globalSetup: 'test/served/services/for-rooms.ts',
        },
      },
    ],
  },
});
